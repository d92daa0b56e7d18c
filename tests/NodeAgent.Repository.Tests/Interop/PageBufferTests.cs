using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Tests.Interop;

public sealed class PageBufferTests
{
    private const int Length = (8 << 20) + 123;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_begins_at_a_page_and_is_zero(bool inHugePages)
    {
        using var buffer = new PageBuffer(Length, inHugePages);
        Assert.Equal(0, AddressOf(buffer.Memory.Span) % (inHugePages ? 2 << 20 : Environment.SystemPageSize));
        Assert.Equal(Length, buffer.Memory.Length);
        Assert.False(buffer.Memory.Span.ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_takes_memory_for_what_was_written_and_gives_it_back(bool inHugePages)
    {
        using var buffer = new PageBuffer(Length, inHugePages);
        Assert.Equal(0, PagesInMemory(buffer));

        buffer.Span[..(1 << 20)].Fill(1);
        // Where the kernel gives pages of 2 MiB to everybody, two of them.
        Assert.InRange(PagesInMemory(buffer) * Environment.SystemPageSize, 1 << 20, 4 << 20);

        Assert.True(buffer.TryEmpty());
        Assert.Equal(0, PagesInMemory(buffer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_given_back_reads_as_zero_and_is_used_again(bool inHugePages)
    {
        var random = SeededRandom.Create();
        using var buffer = new PageBuffer(Length, inHugePages);
        for (var round = 0; round < 3; round++)
        {
            random.NextBytes(buffer.Span);
            Assert.True(buffer.Span.ContainsAnyExcept((byte)0));
            Assert.True(buffer.TryEmpty());
            Assert.False(buffer.Span.ContainsAnyExcept((byte)0));
        }

        var content = new byte[Length];
        random.NextBytes(content);
        content.CopyTo(buffer.Span);
        Assert.True(buffer.Memory.Span.SequenceEqual(content));
    }

    [Fact]
    public void After_its_end_every_use_is_refused()
    {
        var buffer = new PageBuffer(Length);
        var memory = buffer.Memory;
        buffer.Abandon();
        ((IDisposable)buffer).Dispose();
        ((IDisposable)buffer).Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
        Assert.Throws<ObjectDisposedException>(() => buffer.TryEmpty());
        buffer.Abandon();
    }

    [Fact]
    public void While_it_is_pinned_nothing_takes_its_content()
    {
        var buffer = new PageBuffer(Length);
        var content = buffer.Span;
        content.Fill(7);
        var pin = buffer.Pin(5);
        Assert.False(buffer.TryEmpty());
        Assert.False(content.ContainsAnyExcept((byte)7));

        ((IDisposable)buffer).Dispose();
        Assert.False(content.ContainsAnyExcept((byte)7));
        Assert.Throws<ObjectDisposedException>(() => buffer.Pin());
        pin.Dispose();
    }

    [Fact]
    public void An_abandoned_one_stays_as_long_as_somebody_reads_it()
    {
        var memory = Abandoned();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.Equal(Length, memory.Length);
        Assert.False(memory.Span.ContainsAnyExcept((byte)9));

        static ReadOnlyMemory<byte> Abandoned()
        {
            var buffer = new PageBuffer(Length);
            buffer.Span.Fill(9);
            buffer.Abandon();
            return buffer.Memory;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_length_that_is_none_is_refused(int length) => Assert.Throws<ArgumentOutOfRangeException>(() => new PageBuffer(length));

    private static long AddressOf(ReadOnlySpan<byte> unmoved) => Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(unmoved));

    /// <summary>By the kernel's word: 8 bytes for each page, of which the highest bit says that it is in memory.</summary>
    private static int PagesInMemory(PageBuffer buffer)
    {
        var pages = new byte[((buffer.Length + Environment.SystemPageSize - 1) / Environment.SystemPageSize) * 8];
        using var map = File.OpenHandle("/proc/self/pagemap");
        var first = AddressOf(buffer.Span) / Environment.SystemPageSize * 8;
        for (var done = 0; done < pages.Length;)
        {
            var read = RandomAccess.Read(map, pages.AsSpan(done), first + done);
            Assert.True(read > 0, "the kernel does not say which pages are in memory");
            done += read;
        }

        return Enumerable.Range(0, pages.Length / 8).Count(i => (BinaryPrimitives.ReadUInt64LittleEndian(pages.AsSpan(i * 8)) >> 63) != 0);
    }
}
