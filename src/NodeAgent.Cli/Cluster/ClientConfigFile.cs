using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>The client's settings: one flat JSON object in the place where Velero keeps its own, so that both read the same.</summary>
internal static class ClientConfigFile
{
    public static string Path => System.IO.Path.Combine(
        Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/", ".config", "velero", "config.json");

    public static SortedDictionary<string, string> Load()
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string text;
        try
        {
            text = File.ReadAllText(Path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return settings;
        }

        try
        {
            foreach (var (key, value) in JsonNode.Parse(text)?.AsObject() ?? [])
                settings[key] = value?.ToString() ?? "";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new CommandException(ExitCode.Failed, $"client config {Path}: not a JSON object (mend it or remove it)", exception);
        }

        return settings;
    }

    public static void Save(IReadOnlyDictionary<string, string> settings)
    {
        var map = new JsonObject([.. settings.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value)))]);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        File.WriteAllText(Path, JsonText.Format(map) + "\n");
    }
}
