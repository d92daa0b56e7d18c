namespace NodeAgent.Cli.Progress;

/// <summary>How a long run tells of itself on standard error.</summary>
internal enum ProgressMode
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A few lines that are redrawn in place.</summary>
    Live,

    /// <summary>A plain line now and then, for logs.</summary>
    Lines,

    /// <summary>One JSON object a line, for programs.</summary>
    Json,
}
