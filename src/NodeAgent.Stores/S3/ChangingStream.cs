namespace NodeAgent.Stores.S3;

/// <summary>A body that is another when it is read again: the kit reads it for its hash, signs that, and sends the other.</summary>
internal sealed class ChangingStream : MemoryStream
{
    private readonly byte[] _second;

    /// <param name="first">What it is until it was read to its end and set back to its beginning.</param>
    /// <param name="second">What it is afterwards; as long.</param>
    public ChangingStream(ReadOnlySpan<byte> first, byte[] second)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(second.Length, first.Length);
        _second = second;
        Write(first);
        base.Seek(0, SeekOrigin.Begin);
    }

    /// <inheritdoc/>
    public override long Position
    {
        get => base.Position;
        set => Seek(value, SeekOrigin.Begin);
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin loc)
    {
        var wasAtEnd = base.Position == Length;
        var position = base.Seek(offset, loc);
        if (position == 0 && wasAtEnd) _second.CopyTo(GetBuffer(), 0);
        return position;
    }
}
