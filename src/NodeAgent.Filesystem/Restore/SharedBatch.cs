using NodeAgent.Repository.Reading;

namespace NodeAgent.Filesystem.Restore;

/// <summary>A batch that several files read from; it is given up when the last of them is done.</summary>
internal sealed class SharedBatch(ChunkBatch? chunks, int files)
{
    private int _left = files;

    public ChunkBatch? Chunks => chunks;

    /// <summary>One of the files is done, whatever came of it.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _left) == 0) chunks?.Dispose();
    }
}
