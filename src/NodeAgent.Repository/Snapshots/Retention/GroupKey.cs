namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>What tells groups of snapshots apart.</summary>
[Flags]
public enum GroupKey
{
    /// <summary>Nothing: all are one group.</summary>
    None = 0,

    /// <summary>The machine. Of a pod's volume only when volumes are not told apart: it is the same volume on whichever node its pod runs.</summary>
    Host = 1,

    /// <summary>The namespace of a pod's volume.</summary>
    Namespace = 2,

    /// <summary>A pod's volume by its claim, or else by pod and volume name.</summary>
    Volume = 4,

    /// <summary>The directory. Of a pod's volume only when volumes are not told apart, since it changes with each pod.</summary>
    Path = 8,

    /// <summary>All tags with their values.</summary>
    Tags = 16,

    /// <summary>One group for each source: a directory of a machine, or a volume.</summary>
    Source = Host | Namespace | Volume | Path,
}
