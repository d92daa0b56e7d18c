namespace NodeAgent.DevCluster.Writes;

/// <summary>What a write request asks for beside its object.</summary>
internal sealed record WriteOptions
{
    public static readonly WriteOptions Internal = new() { FieldManager = "devcluster" };

    public string FieldManager { get; init; } = "unknown";

    public bool DryRun { get; init; }

    /// <summary>Take over fields that another manager owns (server-side apply).</summary>
    public bool Force { get; init; }

    /// <summary>Unknown fields of custom resources are an error instead of being dropped.</summary>
    public bool StrictFields { get; init; }

    public bool WarnOfFields { get; init; }

    public string Subresource { get; init; } = "";

    /// <summary>Filled with texts for the Warning header.</summary>
    public List<string> Warnings { get; init; } = [];
}
