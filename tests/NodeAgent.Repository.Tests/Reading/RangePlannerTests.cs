using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;

namespace NodeAgent.Repository.Tests.Reading;

public sealed class RangePlannerTests
{
    private static readonly PackId[] Packs = [.. Enumerable.Range(0, 3).Select(i => new PackId((ulong)i, Id(1000 + i)))];

    [Fact]
    public void Neighbours_and_small_holes_are_one_read_and_large_holes_are_not_read()
    {
        var ranges = RangePlanner.Plan(
        [
            Chunk(1, 0, 3_000_000, 100), Chunk(2, 0, 0, 500), Chunk(3, 0, 500, 1000), Chunk(4, 0, 1500 + RangePlanner.MaxHole, 10), Chunk(3, 0, 500, 1000), Chunk(5, 1, 1500, 10),
        ]);

        Assert.Equal([(0, 0L, 1510 + RangePlanner.MaxHole, 3), (0, 3_000_000L, 100, 1), (1, 1500L, 10, 1)], ranges.Select(range => (Array.IndexOf(Packs, range.Pack), range.Offset, range.Length, range.Chunks.Count)).Order());
    }

    [Fact]
    public void No_read_is_longer_than_it_may_be_and_every_chunk_is_in_one()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < 200; round++)
        {
            // Packs without holes, of which some chunks are wanted.
            var chunks = new List<(ChunkId Id, ChunkLocation Location)>();
            foreach (var pack in Enumerable.Range(0, Packs.Length))
            {
                var offset = 0L;
                for (var i = 0; i < 40; i++)
                {
                    var length = random.Next(1, random.Next(5) == 0 ? 5 << 20 : 200_000);
                    if (random.Next(4) > 0) chunks.Add(Chunk((pack * 100) + i, pack, offset, length));
                    offset += length;
                }
            }

            var ranges = RangePlanner.Plan([.. chunks.OrderBy(_ => random.Next())]);

            Assert.Equal(chunks.Select(chunk => chunk.Id).Order(), ranges.SelectMany(range => range.Chunks).Select(chunk => chunk.Id).Order());
            Assert.All(ranges, range =>
            {
                Assert.InRange(range.Length, 1, RangePlanner.MaxLength);
                Assert.All(range.Chunks, chunk => Assert.True(chunk.Location.Pack == range.Pack && chunk.Location.Offset >= range.Offset && chunk.Location.Offset + chunk.Location.StoredLength <= range.Offset + range.Length));
            });
            // Two reads of a pack that follow one another could not have been one.
            foreach (var (first, second) in ranges.Zip(ranges.Skip(1)).Where(pair => pair.First.Pack == pair.Second.Pack))
            {
                Assert.True(second.Offset >= first.Offset + first.Length);
                Assert.True(second.Offset - first.Offset - first.Length > RangePlanner.MaxHole || second.Offset + second.Chunks[0].Location.StoredLength - first.Offset > RangePlanner.MaxLength);
            }
        }
    }

    [Fact]
    public void Scattered_chunks_are_not_paid_for_with_many_times_their_bytes()
    {
        var chunks = Enumerable.Range(0, 256).Select(i => Chunk(i, 0, i * 900_000L, 1000)).ToList();

        var ranges = RangePlanner.Plan(chunks);

        Assert.Equal(256, ranges.Sum(range => range.Chunks.Count));
        Assert.InRange(ranges.Sum(range => (long)range.Length), 256_000, (RangePlanner.MaxWaste * 256_000) + RangePlanner.MaxHole);
    }

    [Fact]
    public async Task A_budget_is_never_exceeded_serves_in_order_and_lets_one_be_too_large()
    {
        var budget = new Budget(100);
        await budget.TakeAsync(60, TestContext.Current.CancellationToken);
        var large = budget.TakeAsync(500, TestContext.Current.CancellationToken).AsTask();
        using var impatient = new CancellationTokenSource();
        var leaving = budget.TakeAsync(10, impatient.Token).AsTask();
        var last = budget.TakeAsync(40, TestContext.Current.CancellationToken).AsTask();
        Assert.False(large.IsCompleted || leaving.IsCompleted || last.IsCompleted);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);

        budget.Return(60);
        await large;
        Assert.False(last.IsCompleted);
        budget.Return(500);
        await last;
        await budget.TakeAsync(60, TestContext.Current.CancellationToken);
        Assert.False(budget.TakeAsync(1, TestContext.Current.CancellationToken).AsTask().IsCompleted);
    }

    private static (ChunkId Id, ChunkLocation Location) Chunk(int id, int pack, long offset, int length) => (Id(id), new ChunkLocation(Packs[pack], offset, length, length, ChunkKind.Data));

    private static ChunkId Id(int i)
    {
        var bytes = new byte[ChunkId.Length];
        BitConverter.TryWriteBytes(bytes, i);
        return new ChunkId(bytes);
    }
}
