using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>`--credential secret=key`: which key of which Secret the location is opened with.</summary>
internal static class CredentialOption
{
    public static readonly Option<Dictionary<string, string>> Credential = Flags.Map("--credential", "Secret and the key in it that hold the credential", "secret=key");

    /// <summary>Null when not given.</summary>
    /// <exception cref="UsageException">More than one was given.</exception>
    public static JsonObject? ValueOf(ParseResult parse)
    {
        var given = parse.GetValue(Credential) ?? [];
        if (given.Count > 1)
            throw new UsageException("--credential: a location has one credential (give one secret=key)");
        return given.Select(pair => new JsonObject { ["name"] = pair.Key, ["key"] = pair.Value }).FirstOrDefault();
    }
}
