using System.Buffers;

namespace NodeAgent.Repository.Interop;

/// <summary>
/// A large buffer outside of the collector's heap. It begins at a page, takes memory only for pages that were written, and can give that back while it stays
/// usable: what is not full costs what is in it, and what waits to be used again costs nothing.
/// </summary>
/// <remarks>
/// One owner, which ends it in one of two ways:
/// <list type="bullet">
/// <item>Dispose, when nobody else has ever had it, or nobody can still read it: the memory is gone at once (or with the last pin). Later use is refused.</item>
/// <item><see cref="Abandon"/>, when somebody may still read it, or nobody may ever end it: it is freed when nothing refers to it any more, if it is not disposed before.</item>
/// </list>
/// A span does not keep the memory alive: whoever works on one holds the buffer, or a <see cref="Memory{T}"/> of it, until it is done.
/// </remarks>
internal sealed unsafe class PageBuffer : MemoryManager<byte>
{
    /// <summary>Bytes of a huge page.</summary>
    public const int HugePage = PageMapping.HugePage;

    private readonly PageMapping _mapping;
    private int _pins;
    private volatile bool _disposed;

    /// <summary>Its content is zero.</summary>
    /// <param name="length">Bytes, at least one.</param>
    /// <param name="inHugePages">
    /// For what is filled from its beginning and emptied again and again: the kernel then gives 2 MiB at a time where it can, which takes it a seventh of the time,
    /// and by as much more may be taken than was written.
    /// </param>
    /// <exception cref="InsufficientMemoryException">The system does not give so many.</exception>
    public PageBuffer(int length, bool inHugePages = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        Length = length;
        _mapping = PageMapping.Create(length, inHugePages);
    }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    /// <summary>Whether somebody holds a pin, as a socket does that sends from it.</summary>
    public bool IsPinned => Volatile.Read(ref _pins) != 0;

    /// <summary>All of it.</summary>
    public Span<byte> Span => GetSpan();

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Span<byte>((void*)_mapping.DangerousGetHandle(), Length);
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)Length, nameof(elementIndex));
        ObjectDisposedException.ThrowIf(_disposed, this);
        var added = false;
        _mapping.DangerousAddRef(ref added);
        Interlocked.Increment(ref _pins);
        return new MemoryHandle((byte*)_mapping.DangerousGetHandle() + elementIndex, pinnable: this);
    }

    /// <inheritdoc/>
    public override void Unpin()
    {
        Interlocked.Decrement(ref _pins);
        _mapping.DangerousRelease();
    }

    /// <summary>
    /// Gives the memory back, for the next use: what was in it is void, and zero where the system could take it. False, with nothing done, while somebody
    /// holds a pin, as a socket does that still sends from it.
    /// </summary>
    public bool TryEmpty()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsPinned) return false;
        _mapping.GiveBack();
        return true;
    }

    /// <summary>Leaves it to the collector, which is told how much it is.</summary>
    public void Abandon()
    {
        if (!_disposed) _mapping.LeaveToCollector();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // There is nothing to finalize here: the mapping frees itself when neither this nor a pin holds it any more.
        _disposed = true;
        if (disposing) _mapping.Dispose();
    }
}
