using NodeAgent.Controller.Backups.Policies;

namespace NodeAgent.Controller.Backups;

/// <summary>What happens to one volume of one pod, and why when its files are not taken.</summary>
internal sealed record VolumeDecision
{
    public required string Volume { get; init; }

    /// <summary>Claim behind the volume; null when there is none.</summary>
    public string? Claim { get; init; }

    /// <summary>What is done with the volume's data. A snapshot is taken of a claim's volume, and only a policy asks for it here.</summary>
    public required VolumeAction Action { get; init; }

    /// <summary>Why the files are not taken; null when they are.</summary>
    public string? Skipped { get; init; }

    /// <summary>The policy that decided; null when annotations and defaults did.</summary>
    public VolumePolicy? Policy { get; init; }

    /// <summary>Whether the user asked for the volume, so that leaving it out deserves a warning.</summary>
    public bool WasAskedFor { get; init; }

    /// <summary>Whether the files are taken only because nobody can snapshot the volume.</summary>
    public bool IsFallback { get; init; }
}
