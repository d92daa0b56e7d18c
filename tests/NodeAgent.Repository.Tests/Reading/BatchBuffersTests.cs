using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Reading;

namespace NodeAgent.Repository.Tests.Reading;

public sealed class BatchBuffersTests
{
    [Fact]
    public void A_buffer_that_is_given_back_serves_the_next_batch()
    {
        var buffers = new BatchBuffers(16 << 20);
        var first = buffers.Take(4_500_000);
        buffers.Return(first);

        Assert.Same(first, buffers.Take(4_600_000));
        Assert.Equal(6 << 20, buffers.Held);
    }

    [Fact]
    public void One_of_another_size_is_not_taken_however_long_it_is()
    {
        var buffers = new BatchBuffers(32 << 20);
        var longer = Enumerable.Range(0, 5).Select(_ => buffers.Take(6 << 20)).ToList();
        foreach (var buffer in longer) buffers.Return(buffer);

        var small = buffers.Take(1000);
        Assert.Equal(1 << 20, small.Length);
        var again = Enumerable.Range(0, 5).Select(_ => buffers.Take(5 << 20)).ToList();
        Assert.Equal(longer.ToHashSet(), again.ToHashSet());
        Assert.Equal(31 << 20, buffers.Held);
    }

    [Fact]
    public void What_waits_is_given_up_when_a_longer_one_would_pass_the_limit()
    {
        var buffers = new BatchBuffers(8 << 20);
        for (var i = 0; i < 4; i++) buffers.Return(buffers.Take((i + 1) * 1_000_000));

        Assert.InRange(buffers.Take(8_000_000).Length, 8_000_000, 8 << 20);
        Assert.InRange(buffers.Held, 8_000_000, 8 << 20);
    }

    [Fact]
    public void More_than_the_limit_is_lent_but_not_kept()
    {
        var buffers = new BatchBuffers(4 << 20);
        var longer = buffers.Take(20_000_000);
        Assert.Equal(20_000_000, longer.Length);

        buffers.Return(longer);

        Assert.Equal(0, buffers.Held);
    }

    [Fact]
    public void Batches_of_like_lengths_within_the_limit_are_served_by_the_same_buffers_again_and_again()
    {
        const int Limit = 32 << 20;
        var (buffers, random) = (new BatchBuffers(Limit), new Random(7));
        var (made, taken, inUse) = (new HashSet<PageBuffer>(ReferenceEqualityComparer.Instance), 0, new Queue<PageBuffer>());
        for (var i = 0; i < 1000; i++)
        {
            var length = random.Next((4 << 20) + 1, 6 << 20);
            var share = buffers.SizeFor(length);
            while (taken + share > Limit)
            {
                taken -= 6 << 20;
                buffers.Return(inUse.Dequeue());
            }

            inUse.Enqueue(buffers.Take(length));
            taken += share;
            made.Add(inUse.Last());
        }

        Assert.Equal(5, made.Count);
        Assert.Equal(30 << 20, buffers.Held);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1 << 20)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 1, 3 << 19)]
    [InlineData(3 << 20, 3 << 20)]
    [InlineData((3 << 20) + 1, 4 << 20)]
    [InlineData((4 << 20) + 1, 6 << 20)]
    [InlineData((6 << 20) + 1, 8 << 20)]
    [InlineData(1 << 30, 1 << 30)]
    [InlineData((1 << 30) + 1, (1 << 30) + 1)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void A_size_holds_the_length_and_is_one_of_few(int length, int size) => Assert.Equal(size, new BatchBuffers(long.MaxValue).SizeFor(length));

    [Fact]
    public void Sizes_that_are_whole_huge_pages_begin_at_one()
    {
        var buffers = new BatchBuffers(64 << 20);
        foreach (var length in (int[])[2 << 20, 6 << 20, 16 << 20])
        {
            var buffer = buffers.Take(length);
            Assert.Equal(0, Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(buffer.Span)) % PageBuffer.HugePage);
        }
    }

    [Fact]
    public void What_is_given_up_is_gone_and_refuses_to_be_used()
    {
        var buffers = new BatchBuffers(4 << 20);
        var (first, longer) = (buffers.Take(1000), buffers.Take(20_000_000));
        buffers.Return(longer);
        buffers.Return(first);

        Assert.Throws<ObjectDisposedException>(() => longer.Span[0]);
        Assert.Same(first, buffers.Take(1000));
    }
}
