namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One run of bytes of a file.</summary>
/// <param name="Id">The data chunk, or null for a hole.</param>
/// <param name="Length">Bytes.</param>
internal sealed record PlainItem(byte[]? Id, long Length)
{
    public static PlainItem Read(ByteCursor cursor)
    {
        var head = cursor.Varint();
        return new PlainItem((head & 1) == 1 ? null : cursor.Take(32), (long)(head >> 1));
    }
}
