namespace NodeAgent.Cli.Progress;

/// <summary>What is known of a run at one moment. Totals grow until <see cref="TotalIsFinal"/> is true.</summary>
internal readonly record struct ProgressSample(
    long FilesDone,
    long FilesTotal,
    long BytesDone,
    long BytesTotal,
    bool TotalIsFinal,
    long NewBytes,
    string? CurrentPath)
{
    /// <summary>What is being done, where a run has parts that count different things.</summary>
    public string? Stage { get; init; }

    /// <summary>Whether bytes are counted, too.</summary>
    public bool HasBytes { get; init; } = true;

    /// <summary>What is counted, in the plural; files unless said otherwise.</summary>
    public string Unit { get; init; } = "files";
}
