using System.Collections.Concurrent;

namespace NodeAgent.Filesystem.Capture;

/// <summary>The windows of all files that are being read: each file has one, and there are some more for those that others help with.</summary>
/// <param name="length">Bytes of each.</param>
/// <param name="spare">How many there are beyond one for each file.</param>
internal sealed class ReadWindows(int length, int spare)
{
    private readonly ConcurrentBag<byte[]> _free = [];
    private int _spare = spare;

    /// <summary>The window that a file always has.</summary>
    public ReadWindow Take() => new(Buffer(), _free.Add);

    /// <summary>One more; null when all are in use.</summary>
    public ReadWindow? TryTakeSpare()
    {
        if (Interlocked.Decrement(ref _spare) < 0)
        {
            Interlocked.Increment(ref _spare);
            return null;
        }

        return new ReadWindow(Buffer(), bytes =>
        {
            _free.Add(bytes);
            Interlocked.Increment(ref _spare);
        });
    }

    private byte[] Buffer() => _free.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(length);
}
