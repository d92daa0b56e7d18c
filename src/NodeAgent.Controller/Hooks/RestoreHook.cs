namespace NodeAgent.Controller.Hooks;

/// <summary>A command to run in a container of a restored pod once it is up.</summary>
internal sealed record RestoreHook
{
    public required PodHook Hook { get; init; }

    /// <summary>How long to wait for the container.</summary>
    public required TimeSpan Wait { get; init; }

    /// <summary>Whether to wait until the container is ready, not only running.</summary>
    public required bool UntilReady { get; init; }
}
