namespace NodeAgent.Cli.Tests.Processes;

/// <summary>What surrounds a command.</summary>
internal sealed record CommandEnvironment
{
    /// <summary>A home that does not exist, so that no client config or kubeconfig is found by chance.</summary>
    public string Home { get; init; } = "/nonexistent";

    public string WorkingDirectory { get; init; } = Path.GetTempPath();

    public Dictionary<string, string> Variables { get; init; } = [];

    /// <summary>A command that runs the one that follows it, as setpriv does; empty for none.</summary>
    public string[] Through { get; init; } = [];

    /// <summary>For a process that is to be interrupted: tests that were started in the background ignore Ctrl-C, and so would what they start.</summary>
    public static CommandEnvironment Interruptible => new() { Through = ["env", "--default-signal=INT"] };

    /// <summary>Where a copy of the program is, for a user who cannot reach the one that was built; null for that one.</summary>
    public string? Copy { get; init; }

    /// <summary>Whether the portable build that the image has is started, whatever program is tested otherwise.</summary>
    public bool IsPortable { get; init; }
}
