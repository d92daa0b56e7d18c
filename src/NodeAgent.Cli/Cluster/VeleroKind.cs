using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.Cli.Cluster;

/// <summary>A kind of custom resource as the command line knows it: where it lives, what it is called, how a list of it is printed.</summary>
internal sealed record VeleroKind(string Kind, string Plural, string Noun, string Nouns, params Column[] Columns)
{
    public const string Group = "velero.io";
    public const string Version = "v1";
    public const string ApiVersion = $"{Group}/{Version}";

    public ResourceKind Resource => new(Group, Version, Plural, Kind);

    /// <summary>An object of this kind with its type and names filled in.</summary>
    public JsonObject NewObject(string name, string @namespace) => new()
    {
        ["apiVersion"] = ApiVersion,
        ["kind"] = Kind,
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = @namespace },
    };
}
