using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem;

/// <summary>What is to be backed up, and how.</summary>
public sealed record BackupRequest
{
    /// <summary>
    /// A directory, absolute, or a single file of any type: the snapshot's root is then the file's directory with that one entry.
    /// A link is followed.
    /// </summary>
    public required string SourcePath { get; init; }

    /// <summary>
    /// A directory above the source whose path is trusted: between it and the source no link is followed, and the source must be a
    /// directory. Null trusts the whole path.
    /// </summary>
    public string? TrustedDirectory { get; init; }

    /// <summary>The directory that must be at <see cref="SourcePath"/>, when it was looked at before; null for any.</summary>
    public DirectoryIdentity? SourceIdentity { get; init; }

    /// <summary>What the snapshot says of its source; also finds the parent.</summary>
    public required SnapshotSource Source { get; init; }

    /// <summary>Labels for selection.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>The machine.</summary>
    public string? Hostname { get; init; }

    /// <summary>The user.</summary>
    public string? Username { get; init; }

    /// <summary>The program with its version.</summary>
    public string? Program { get; init; }

    /// <summary>The snapshot to take unchanged files from: "auto" for the newest of the same source, "none", or an id.</summary>
    public string Parent { get; init; } = "auto";

    /// <summary>What earlier backups of this process found out about snapshots; null for one that makes no other.</summary>
    public SnapshotSourceCache? Sources { get; init; }

    /// <summary>Patterns of paths to leave out: a name, or a path with slashes; * and ? within a component, ** across.</summary>
    public IReadOnlyList<string> Excludes { get; init; } = [];

    /// <summary>Leave out directories that carry a valid CACHEDIR.TAG.</summary>
    public bool ExcludeCaches { get; init; }

    /// <summary>Do not go into other mounts: a mount point is kept as an empty directory.</summary>
    public bool OneFileSystem { get; init; }

    /// <summary>
    /// With <see cref="OneFileSystem"/>: where the source is on a network file system, go into mounts of the same kind below it. They are its
    /// server's own: an NFS client mounts each exported file system by itself when it is come to.
    /// </summary>
    public bool WithServerMounts { get; init; }

    /// <summary>Read every file, whatever the parent says.</summary>
    public bool ForceReread { get; init; }

    /// <summary>zstd level.</summary>
    public int CompressionLevel { get; init; } = 2;

    /// <summary>Files that are read and compressed at once; the number of processors when 0. <see cref="Memory"/> may allow fewer.</summary>
    public int Workers { get; init; }

    /// <summary>Bytes of memory that the run may take; all that the process may have when 0. Not a limit that is kept to the byte: it bounds the workers.</summary>
    public long Memory { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What may be waited in all for programs that have leases on files.</summary>
    internal TimeSpan LeaseWait { get; init; } = Capture.LeaseWait.Usual;
}
