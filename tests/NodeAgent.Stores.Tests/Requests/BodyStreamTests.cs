using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Tests.Requests;

public sealed class BodyStreamTests
{
    private static readonly byte[] Body = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_reads_what_is_there_from_wherever_it_stands()
    {
        using var stream = new BodyStream(Body);
        Assert.Equal(Body.Length, stream.Length);
        var part = new byte[300];
        await stream.ReadExactlyAsync(part, Cancellation);
        Assert.Equal(Body[..300], part);
        Assert.Equal(Body[300], stream.ReadByte());
        Assert.Equal(301, stream.Position);

        Assert.Equal(991, stream.Seek(-9, SeekOrigin.End));
        Assert.Equal(9, stream.Read(part, 10, 200));
        Assert.Equal(Body[991..], part[10..19]);
        Assert.Equal(0, await stream.ReadAsync(part, Cancellation));
        Assert.Equal(-1, stream.ReadByte());

        stream.Position = 5;
        Assert.Equal(7, stream.Seek(2, SeekOrigin.Current));
        Assert.Equal(Body[7], stream.ReadByte());
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Seek(1, SeekOrigin.End));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Seek(-1, SeekOrigin.Begin));
    }

    [Fact]
    public async Task It_is_copied_from_where_it_stands_and_again_after_it_was_set_back()
    {
        using var stream = new BodyStream(Body);
        stream.Position = 100;
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Cancellation);
        Assert.Equal(Body[100..], copy.ToArray());
        Assert.Equal(Body.Length, stream.Position);

        stream.Position = 0;
        copy.SetLength(0);
        await stream.CopyToAsync(copy, Cancellation);
        Assert.Equal(Body, copy.ToArray());
    }

    [Fact]
    public void It_is_for_reading_only()
    {
        using var stream = new BodyStream(Body);
        Assert.False(stream.CanWrite);
        Assert.Throws<NotSupportedException>(() => stream.Write(Body, 0, 1));
        Assert.Throws<NotSupportedException>(() => stream.SetLength(1));
    }
}
