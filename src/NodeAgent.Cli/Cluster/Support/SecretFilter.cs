using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NodeAgent.Cli.Cluster.Support;

/// <summary>
/// Takes out of text what nobody else may see: values of the namespace's Secrets wherever they stand, signatures of addresses, and what is
/// named as a secret. It errs on the side of taking out too much.
/// </summary>
internal sealed partial class SecretFilter
{
    private const string LeftOut = "[left out]";

    // A shorter value stands in ordinary text by chance.
    private const int MinLength = 6;

    private readonly List<string> _values;

    /// <param name="secrets">The Secrets whose values must not be seen; those that cannot be read are not known.</param>
    public SecretFilter(IEnumerable<JsonObject> secrets) =>
        // The longest first: one may hold another.
        _values = [.. secrets.SelectMany(ValuesOf).Where(v => v.Length >= MinLength).Distinct(StringComparer.Ordinal).OrderByDescending(v => v.Length)];

    public string Clean(string line)
    {
        foreach (var value in _values) line = line.Replace(value, LeftOut, StringComparison.Ordinal);
        line = Signature().Replace(line, "$1=" + LeftOut);
        line = Authorization().Replace(line, "$1" + LeftOut);
        return Assignment().Replace(line, "$1" + LeftOut);
    }

    /// <summary>The object without what may hold secrets: environment values that are named so, addresses that are signed, and copies that kubectl keeps.</summary>
    public JsonObject Clean(JsonObject item)
    {
        var copy = item.DeepClone().AsObject();
        if (copy["metadata"] is JsonObject metadata)
        {
            metadata.Remove("managedFields");
            (metadata["annotations"] as JsonObject)?.Remove("kubectl.kubernetes.io/last-applied-configuration");
        }

        CleanIn(copy);
        return copy;
    }

    /// <summary>A Secret's values as they are, encoded, and line by line, as a file of credentials is read.</summary>
    private static IEnumerable<string> ValuesOf(JsonObject secret)
    {
        foreach (var (_, node) in secret["data"] as JsonObject ?? [])
        {
            if (node is not JsonValue value || !value.TryGetValue<string>(out var encoded)) continue;
            yield return encoded;
            string text;
            try
            {
                text = Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
            }
            catch (FormatException)
            {
                continue;
            }

            yield return text;
            foreach (var line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                // The names of settings are known to all; their values are not.
                if (line.StartsWith('[') || line.StartsWith('#')) continue;
                yield return line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim();
            }
        }
    }

    private void CleanIn(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (list[i] is JsonValue value && value.TryGetValue<string>(out var text)) list[i] = Clean(text);
                else CleanIn(list[i]);
            }
        }

        if (node is not JsonObject map) return;
        // An environment variable: a name and a value beside it.
        if (map["name"] is JsonValue named && named.TryGetValue<string>(out var name) && map["value"] is JsonValue && SecretName().IsMatch(name)) map["value"] = LeftOut;
        foreach (var (key, child) in map.ToList())
        {
            if (child is not JsonValue value || !value.TryGetValue<string>(out var text))
            {
                CleanIn(child);
                continue;
            }

            // The address of a file may be all that is needed to read it.
            map[key] = key == "downloadURL" ? LeftOut : Clean(text);
        }
    }

    [GeneratedRegex(@"(X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential|X-Goog-Signature|AWSAccessKeyId|Signature|sig)=[^&\s""']+", RegexOptions.IgnoreCase)]
    private static partial Regex Signature();

    [GeneratedRegex(@"((?:authorization""?\s*[:=]\s*""?)?\b(?:bearer|basic|AWS4-HMAC-SHA256)\s+)[A-Za-z0-9._~+/=,-]{6,}", RegexOptions.IgnoreCase)]
    private static partial Regex Authorization();

    [GeneratedRegex(@"((?:password|passwd|passphrase|secret[_-]?access[_-]?key|access[_-]?key[_-]?id|client[_-]?secret|session[_-]?token|access[_-]?token|repository-key|account[_-]?key)[""']?\s*[=:]\s*[""']?)[^\s""',;&]+", RegexOptions.IgnoreCase)]
    private static partial Regex Assignment();

    [GeneratedRegex("KEY|SECRET|PASSWORD|PASSPHRASE|TOKEN|CREDENTIAL", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();
}
