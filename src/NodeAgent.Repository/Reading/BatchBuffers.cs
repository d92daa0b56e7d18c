namespace NodeAgent.Repository.Reading;

/// <summary>
/// The buffers of one fetcher's batches, used again: all that are held, in use or not, stay within a limit as long as the batches do. They stay where they are in
/// memory, so that a disk can read into them. Thread-safe.
/// </summary>
internal sealed class BatchBuffers(long limit)
{
    /// <summary>Lengths are multiples of this, so that one that is given back fits the next batch.</summary>
    private const int Step = 1 << 20;

    private readonly Lock _gate = new();
    private readonly List<byte[]> _idle = [];
    private long _held;

    /// <summary>Bytes of all buffers, those in use and those that wait to be.</summary>
    public long Held
    {
        get
        {
            lock (_gate) return _held;
        }
    }

    /// <summary>A buffer of a length or more.</summary>
    public byte[] Take(int length)
    {
        if (length == 0) return [];
        var size = checked((length + Step - 1) / Step * Step);
        lock (_gate)
        {
            var best = -1;
            for (var i = 0; i < _idle.Count; i++)
            {
                if (_idle[i].Length >= length && (best < 0 || _idle[i].Length < _idle[best].Length)) best = i;
            }

            if (best >= 0)
            {
                var found = _idle[best];
                _idle.RemoveAt(best);
                return found;
            }

            // None of those that wait is long enough: room is made by giving them up.
            while (_idle.Count > 0 && _held + size > limit) Forget(_idle.Count - 1);
            _held += size;
        }

        try
        {
            return GC.AllocateUninitializedArray<byte>(size, pinned: true);
        }
        catch (OutOfMemoryException)
        {
            lock (_gate) _held -= size;
            throw;
        }
    }

    /// <summary>Gives a buffer back.</summary>
    public void Return(byte[] buffer)
    {
        if (buffer.Length == 0) return;
        lock (_gate)
        {
            _idle.Add(buffer);
            if (_held > limit) Forget(_idle.Count - 1);
        }
    }

    private void Forget(int index)
    {
        _held -= _idle[index].Length;
        _idle.RemoveAt(index);
    }
}
