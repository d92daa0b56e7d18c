namespace NodeAgent.Filesystem.Capture;

/// <summary>How far ahead of the walk may be looked: some thousand names, a few MiB, and few of the descriptors that a process may have. Thread-safe.</summary>
internal sealed class AheadBudget
{
    /// <summary>Bytes that the names of one directory may take: a larger one is opened by the walk.</summary>
    public const long MostNameBytes = 1 << 20;

    private const int MostNames = 2048;
    private const int MostDirectories = 128;

    /// <summary>Of the content of files and of names in directories.</summary>
    private const long MostBytes = 4 << 20;

    private volatile int _times = 1;
    private long _names;
    private long _directories;
    private long _bytes;

    /// <summary>Whether there is room for a batch or nearly so: where there is none, looking ahead had better wait than leave names for the walk.</summary>
    public bool HasRoom => IsBelow(MostNames, MostDirectories, MostBytes / 2);

    /// <summary>Whether there is so much room that a helper that was sent away is called again: for a name or two it would come and go all the time.</summary>
    public bool HasMuchRoom => IsBelow(MostNames / 2, MostDirectories / 2, MostBytes / 4);

    /// <summary>See <see cref="AllowMore"/>. For the walk's thread.</summary>
    public void AllowLess()
    {
        if (_times > 1 && Volatile.Read(ref _names) < MostNames / 2 && Volatile.Read(ref _directories) < MostDirectories / 2 && Volatile.Read(ref _bytes) < MostBytes / 4) _times = 1;
    }

    public void TakeNames(int count) => Interlocked.Add(ref _names, count);

    public void ReturnNames(int count) => Interlocked.Add(ref _names, -count);

    /// <summary>
    /// The walk needs names that are not those which fill the budget: it is twice as large from now on, until it is nearly empty. For the walk's thread.
    /// </summary>
    public void AllowMore()
    {
        if (!HasMuchRoom) _times = 2;
    }

    public void TakeDirectory() => Interlocked.Increment(ref _directories);

    public void ReturnDirectory() => Interlocked.Decrement(ref _directories);

    public bool TryTakeBytes(long count)
    {
        if (Interlocked.Add(ref _bytes, count) <= MostBytes * _times) return true;
        Interlocked.Add(ref _bytes, -count);
        return false;
    }

    public void ReturnBytes(long count) => Interlocked.Add(ref _bytes, -count);

    private bool IsBelow(long names, long directories, long bytes) =>
        Volatile.Read(ref _names) < names * _times && Volatile.Read(ref _directories) < directories * _times && Volatile.Read(ref _bytes) < bytes * _times;
}
