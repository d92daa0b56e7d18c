using System.Numerics;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// The buffers of one fetcher's batches, used again: all that are held, in use or not, stay within a limit as long as the batches do. They begin at pages, so that a
/// disk can read into them, and are in huge pages as far as these fit in, since the kernel looks up each page for each read. Thread-safe.
/// </summary>
internal sealed class BatchBuffers(long limit)
{
    private const int Least = 1 << 20;

    private readonly Lock _gate = new();
    private readonly List<PageBuffer> _idle = [];
    private long _held;

    /// <summary>Bytes of all buffers, those in use and those that wait to be.</summary>
    public long Held
    {
        get
        {
            lock (_gate) return _held;
        }
    }

    /// <summary>
    /// Bytes of the buffer that is made for a length: one of few sizes, so that one that is given back fits the next batch. They are what a batch takes of its
    /// budget: were it the length, buffers would pass the limit and be given up after each use. One whose size would pass the limit is only as long as it must be.
    /// </summary>
    public int SizeFor(int length)
    {
        if (length is 0 or > 1 << 30) return length;
        var power = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(length, Least));
        // Between two powers of two there is one size more.
        var between = power / 4 * 3;
        var size = power > Least && length <= between ? between : power;
        return size <= limit ? size : length;
    }

    /// <summary>A buffer of a length or more. There may be anything in it.</summary>
    /// <param name="length">Bytes, at least one.</param>
    /// <exception cref="InsufficientMemoryException">The system does not give so many.</exception>
    public PageBuffer Take(int length)
    {
        var size = SizeFor(length);
        lock (_gate)
        {
            // No longer one either: those in use would take more together than their batches took of the budget.
            var at = _idle.FindIndex(idle => idle.Length == size);
            if (at >= 0)
            {
                var found = _idle[at];
                _idle.RemoveAt(at);
                return found;
            }

            // None of those that wait has the size: room is made by giving them up.
            while (_idle.Count > 0 && _held + size > limit) Forget(_idle.Count - 1);
            _held += size;
        }

        try
        {
            return new PageBuffer(size, inHugePages: size >= PageBuffer.HugePage);
        }
        catch (InsufficientMemoryException)
        {
            lock (_gate) _held -= size;
            throw;
        }
    }

    /// <summary>Gives a buffer back, which nobody reads or writes any more.</summary>
    public void Return(PageBuffer buffer)
    {
        lock (_gate)
        {
            _idle.Add(buffer);
            if (_held > limit) Forget(_idle.Count - 1);
            // Nobody ends a fetcher: those that wait when it is given up are the collector's.
            else buffer.Abandon();
        }
    }

    private void Forget(int index)
    {
        _held -= _idle[index].Length;
        ((IDisposable)_idle[index]).Dispose();
        _idle.RemoveAt(index);
    }
}
