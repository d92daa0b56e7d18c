namespace NodeAgent.Filesystem;

/// <summary>What is to be restored, and how.</summary>
public sealed record RestoreRequest
{
    /// <summary>A directory, absolute; made when it is not there. Nothing outside it is ever written.</summary>
    public required string TargetPath { get; init; }

    /// <summary>A path in the snapshot whose content becomes the target's; empty for all. A file is put into the target.</summary>
    public ReadOnlyMemory<byte> SubPath { get; init; }

    /// <summary>Patterns as for a backup; when there are any, only what matches, and what is below it, is restored.</summary>
    public IReadOnlyList<string> Includes { get; init; } = [];

    /// <summary>Patterns of what is left out.</summary>
    public IReadOnlyList<string> Excludes { get; init; } = [];

    /// <summary>What happens to files that are there.</summary>
    public OverwritePolicy Overwrite { get; init; } = OverwritePolicy.Always;

    /// <summary>Make device nodes, which takes a privilege and can give one.</summary>
    public bool DeviceNodes { get; init; } = true;

    /// <summary>
    /// Begin even though an empty target has less space than the files need: a file system that compresses may hold them.
    /// </summary>
    public bool IgnoreFreeSpace { get; init; }

    /// <summary>Files that are written at once; the number of processors when 0.</summary>
    public int Workers { get; init; }

    /// <summary>The clock, for progress.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
