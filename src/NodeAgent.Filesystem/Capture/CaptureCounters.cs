using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem.Capture;

/// <summary>What a backup has seen so far; counted by the walk and by workers.</summary>
internal sealed class CaptureCounters
{
    private long _bytesDone;

    public long Files { get; set; }

    public long Directories { get; set; }

    public long Symlinks { get; set; }

    public long Others { get; set; }

    public long BytesSeen { get; set; }

    public long Unchanged { get; set; }

    public long NewFiles { get; set; }

    public long ChangedFiles { get; set; }

    public bool WalkDone { get; set; }

    public long FilesDone { get; set; }

    public long BytesDone => Interlocked.Read(ref _bytesDone);

    public void AddBytesDone(long count) => Interlocked.Add(ref _bytesDone, count);

    /// <summary>One more regular file.</summary>
    public void AddFile(long size)
    {
        Files++;
        BytesSeen += size;
    }

    /// <summary>A regular file that was read.</summary>
    /// <param name="wasThere">Whether the parent snapshot has one of its name.</param>
    public void AddRead(bool wasThere)
    {
        if (wasThere) ChangedFiles++;
        else NewFiles++;
    }

    public SnapshotStatistics ToStatistics(long bytes, Repository.Sessions.SessionStatistics stored) => new()
    {
        Files = Files,
        Directories = Directories,
        Symlinks = Symlinks,
        Others = Others,
        Bytes = bytes,
        NewBytes = stored.NewDataBytes,
        StoredBytes = stored.StoredBytes,
        UnchangedFiles = Unchanged,
        NewFiles = NewFiles,
        ChangedFiles = ChangedFiles,
    };
}
