using NodeAgent.Filesystem.Interop;
namespace NodeAgent.Filesystem;

/// <summary>What is to be restored, and how.</summary>
public sealed record RestoreRequest
{
    /// <summary>A directory, absolute; made when it is not there. Nothing outside it is ever written.</summary>
    public required string TargetPath { get; init; }

    /// <summary>
    /// A directory above the target whose path is trusted: between it and the target no link is followed, and the target must be there.
    /// Null trusts the whole path.
    /// </summary>
    public string? TrustedDirectory { get; init; }

    /// <summary>The directory that must be at <see cref="TargetPath"/>, when it was looked at before; none is made then. Null for any.</summary>
    public DirectoryIdentity? TargetIdentity { get; init; }

    /// <summary>A path in the snapshot whose content becomes the target's; empty for all. A file is put into the target.</summary>
    public ReadOnlyMemory<byte> SubPath { get; init; }

    /// <summary>
    /// Paths in the snapshot that alone are restored, each at its place below the target, with the directories that lead to it; empty
    /// for all. Below <see cref="SubPath"/> they count from there.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Paths { get; init; } = [];

    /// <summary>Patterns as for a backup; when there are any, only what matches, and what is below it, is restored.</summary>
    public IReadOnlyList<string> Includes { get; init; } = [];

    /// <summary>The same for patterns that do not tell capital from small letters.</summary>
    public IReadOnlyList<string> IncludesIgnoringCase { get; init; } = [];

    /// <summary>Patterns of what is left out.</summary>
    public IReadOnlyList<string> Excludes { get; init; } = [];

    /// <summary>The same for patterns that do not tell capital from small letters.</summary>
    public IReadOnlyList<string> ExcludesIgnoringCase { get; init; } = [];

    /// <summary>What happens to files that are there.</summary>
    public OverwritePolicy Overwrite { get; init; } = OverwritePolicy.Always;

    /// <summary>
    /// Compare a file that would be replaced with the snapshot, and write anew only the ranges of it that differ. Until it is done it is
    /// neither the one nor the other. A file that has several names, or is not open to this user, is replaced as a whole; so is every one with
    /// <see cref="OverwritePolicy.IfNewer"/>, since a file that a stopped run has half rewritten would be the newer one.
    /// </summary>
    public bool InPlace { get; init; }

    /// <summary>
    /// Remove what is in the target and not in the snapshot, in directories that are restored whole. What is excluded stays.
    /// </summary>
    public bool Delete { get; init; }

    /// <summary>Make device nodes, which takes a privilege and can give one.</summary>
    public bool DeviceNodes { get; init; } = true;

    /// <summary>
    /// Begin even though an empty target has less space than the files need: a file system that compresses may hold them.
    /// </summary>
    public bool IgnoreFreeSpace { get; init; }

    /// <summary>Files that are written at once; the number of processors when 0. <see cref="Memory"/> may allow fewer.</summary>
    public int Workers { get; init; }

    /// <summary>Bytes of memory that the run may take; all that the process may have when 0. Not a limit that is kept to the byte: it bounds the workers.</summary>
    public long Memory { get; init; }

    /// <summary>
    /// Bytes that may be written into a file system that is in memory, where they count as this process's own; null for any number. A restore of more is refused
    /// before anything is written.
    /// </summary>
    public long? VolatileLimit { get; init; }

    /// <summary>Flushes the file system of an open directory in place of syncfs(2): for tests.</summary>
    internal Action<DirectoryHandle>? Synchronize { get; init; }

    /// <summary>The clock, for progress.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
