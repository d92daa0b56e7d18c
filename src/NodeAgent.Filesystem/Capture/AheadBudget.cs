namespace NodeAgent.Filesystem.Capture;

/// <summary>How far ahead of the walk may be looked: some thousand names, a few MiB, and few of the descriptors that a process may have. Thread-safe.</summary>
/// <param name="helpers">How many look ahead: each may have begun with a batch of a MiB.</param>
internal sealed class AheadBudget(int helpers)
{
    /// <summary>Bytes that the names of one directory may take: a larger one is opened by the walk.</summary>
    public const long MostNameBytes = 1 << 20;

    private const int MostNames = 2048;
    private const int MostDirectories = 128;

    /// <summary>Of the content of files and of names in directories, before a batch is begun with.</summary>
    private const long MostBytes = 3 << 20;
    private const int MostTimes = 4;

    private volatile int _times = 1;
    private long _names;
    private long _directories;
    private long _bytes;

    /// <summary>Whether there is room for a batch or nearly so: where there is none, looking ahead had better wait than leave names for the walk.</summary>
    public bool HasRoom => IsBelow(_times);

    /// <summary>Whether there is so much room that a helper that was sent away is called again: for a name or two it would come and go all the time.</summary>
    public bool HasMuchRoom => IsBelow(_times - 0.5);

    public void TakeNames(int count) => Interlocked.Add(ref _names, count);

    public void ReturnNames(int count) => Interlocked.Add(ref _names, -count);

    /// <summary>
    /// The walk needs names that are not those which fill the budget: there is room for as many again from now on, until it is nearly empty. For the walk's thread.
    /// </summary>
    public void AllowMore()
    {
        if (!HasMuchRoom && _times < MostTimes) _times++;
    }

    /// <summary>Ends what <see cref="AllowMore"/> began, if what filled the budget is gone. For the walk's thread.</summary>
    public void AllowLess()
    {
        if (_times > 1 && IsBelow(0.5)) _times = 1;
    }

    public void TakeDirectory() => Interlocked.Increment(ref _directories);

    public void ReturnDirectory() => Interlocked.Decrement(ref _directories);

    public bool TryTakeBytes(long count)
    {
        if (Interlocked.Add(ref _bytes, count) <= (MostBytes * _times) + ((long)helpers << 20)) return true;
        Interlocked.Add(ref _bytes, -count);
        return false;
    }

    public void ReturnBytes(long count) => Interlocked.Add(ref _bytes, -count);

    private bool IsBelow(double times) =>
        Volatile.Read(ref _names) < MostNames * times && Volatile.Read(ref _directories) < MostDirectories * times && Volatile.Read(ref _bytes) < MostBytes * times;
}
