using System.Globalization;
using System.Text;

namespace NodeAgent.Hosting.Metrics;

/// <summary>Labels in their written form, <c>a="1",b="2"</c>, in the order of their names: equal sets are equal text.</summary>
internal readonly record struct LabelSet(string Text)
{
    public static readonly LabelSet Empty = new("");

    public static LabelSet Of(ReadOnlySpan<KeyValuePair<string, object?>> tags, IReadOnlyList<KeyValuePair<string, object?>> constants)
    {
        if (tags.IsEmpty && constants.Count == 0) return Empty;
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in constants) labels[LabelName(name)] = Value(value);
        foreach (var (name, value) in tags) labels[LabelName(name)] = Value(value);
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(name).Append("=\"");
            AppendEscaped(text, value);
            text.Append('"');
        }

        return new LabelSet(text.ToString());
    }

    /// <summary>Metric names as given where they are valid, with underscores for what is not allowed where they are not.</summary>
    public static string MetricName(string name) => Clean(name, allowColon: true);

    private static string LabelName(string name)
    {
        var clean = Clean(name, allowColon: false);
        // Histograms have a label of this name of their own.
        return clean == "le" ? "exported_le" : clean;
    }

    private static string Clean(string name, bool allowColon)
    {
        var clean = new StringBuilder(name.Length);
        foreach (var c in name)
        {
            if (clean.Length == 0 && char.IsAsciiDigit(c)) clean.Append('_');
            clean.Append(char.IsAsciiLetterOrDigit(c) || c == '_' || (c == ':' && allowColon) ? c : '_');
        }

        return clean.Length == 0 ? "_" : clean.ToString();
    }

    private static string Value(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static void AppendEscaped(StringBuilder text, string value)
    {
        foreach (var c in value)
        {
            switch (c)
            {
                case '\\':
                    text.Append("\\\\");
                    break;
                case '"':
                    text.Append("\\\"");
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }
    }
}
