using System.Globalization;
using System.Text;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Builds the query of a request; what is null or empty is left out.</summary>
internal sealed class Query
{
    private readonly StringBuilder _text = new();

    public Query Add(string name, string? value)
    {
        if (string.IsNullOrEmpty(value)) return this;
        if (_text.Length > 0) _text.Append('&');
        _text.Append(name).Append('=').Append(Uri.EscapeDataString(value));
        return this;
    }

    public Query Add(string name, long? value) => Add(name, value?.ToString(CultureInfo.InvariantCulture));

    public Query AddIf(bool condition, string name) => condition ? Add(name, "true") : this;

    public override string ToString() => _text.ToString();
}
