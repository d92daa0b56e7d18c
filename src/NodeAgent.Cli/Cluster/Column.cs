using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster;

/// <summary>One column of `get`; the value may depend on the present time, as an age does.</summary>
internal sealed record Column(string Name, Func<JsonObject, DateTimeOffset, string> Value)
{
    /// <summary>When it makes room on a narrow terminal: 1 first; 0 for never.</summary>
    public int Yields { get; init; }

    /// <summary>How narrow its text may be cut before it goes whole; 0 for a column that is not cut.</summary>
    public int Min { get; init; }

    /// <summary>The end of its text tells more than the beginning.</summary>
    public bool KeepsEnd { get; init; }

    /// <summary>It is cut at most, and never left out.</summary>
    public bool Stays { get; init; }
}
