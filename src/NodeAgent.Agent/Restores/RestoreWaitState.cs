namespace NodeAgent.Agent.Restores;

/// <summary>Where a restored pod's init container is that waits for the volumes.</summary>
internal enum RestoreWaitState
{
    /// <summary>The pod has no such container.</summary>
    Missing,

    /// <summary>It has not started yet: the volumes may not be mounted.</summary>
    Waiting,

    /// <summary>It runs: the volumes are mounted and nobody else uses them.</summary>
    Running,

    /// <summary>It has ended.</summary>
    Ended,
}
