namespace NodeAgent.Filesystem.Capture;

/// <summary>Some names of a directory that are looked at together.</summary>
/// <param name="directory">Whose names they are.</param>
/// <param name="start">Index of the first one.</param>
/// <param name="count">How many.</param>
internal sealed class NameBatch(OpenedDirectory directory, int start, int count) : AheadWork
{
    /// <summary>Names in a batch: enough that handing it over costs nothing beside looking at them.</summary>
    public const int Length = 64;

    public OpenedDirectory Directory => directory;

    public int Start => start;

    public int Count => count;

    /// <summary>By place from <see cref="Start"/> on. Only for who took the batch, and for the walk when it is done; empty when the walk has gone through it.</summary>
    public SeenName[] Seen { get; set; } = [];

    /// <summary>
    /// Index of the first name that could not be looked for in the parent snapshot, because that is damaged there or cannot be read: from it on the names of this batch count as new.
    /// Those of others are looked for, so that what is read again does not depend on who comes first. A check names the damage.
    /// </summary>
    public int ParentLostFrom { get; set; } = int.MaxValue;

    /// <summary>Memory that the contents are in.</summary>
    public List<byte[]>? Pieces { get; set; }

    /// <summary>Bytes of the last piece that are in use.</summary>
    public int Filled { get; set; }

    /// <summary>Bytes of memory for contents, as they were counted against what may be read ahead.</summary>
    public long ContentBytes { get; set; }
}
