namespace NodeAgent.Controller.Hooks;

/// <summary>A command to run in a container of a pod.</summary>
internal sealed record PodHook
{
    /// <summary>What it is called in logs.</summary>
    public required string Name { get; init; }

    public required string Container { get; init; }

    public required IReadOnlyList<string> Command { get; init; }

    public required TimeSpan Timeout { get; init; }

    /// <summary>Whether a failure keeps the pod out of the backup.</summary>
    public required bool FailsPod { get; init; }

    /// <summary>What in its annotations cannot be meant and what is done instead; null when there is nothing.</summary>
    public string? Mistake { get; init; }
}
