using System.Buffers.Binary;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Tests.Index;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Collection;

public sealed class ChunkCensusTests : IDisposable
{
    private readonly Random _random = SeededRandom.Create();
    private readonly RepositoryCopies _directories = new();

    public void Dispose() => _directories.Dispose();

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(200, false)]
    [InlineData(5000, false)]
    [InlineData(200, true)]
    [InlineData(257, true)]
    [InlineData(5000, true)]
    [InlineData(20_000, true)]
    public void Every_chunk_has_one_number_in_the_order_of_ids(int count, bool hasDirectory)
    {
        var packs = new SyntheticPacks(_random);
        var ids = Enumerable.Range(0, count).Select(_ => packs.NewId()).ToList();
        var directory = _directories.Take();
        using var census = new ChunkCensus(hasDirectory ? directory : null, 512);
        foreach (var id in ids) census.Add(id);
        // Several packs may hold one chunk, named early and late.
        foreach (var id in ids.Where((_, i) => i % 3 == 0)) census.Add(id);
        census.Seal();

        Assert.Equal(count, census.Count);
        Assert.Equal(hasDirectory && count > 512, census.IsMapped);
        var sorted = ids.OrderBy(KeyOf).ToList();
        var twice = ids.Where((_, i) => i % 3 == 0).ToHashSet();
        for (var i = 0; i < sorted.Count; i++)
        {
            Assert.Equal(i, census.Find(sorted[i]));
            Assert.Equal(twice.Contains(sorted[i]), census.IsRepeated(i));
        }

        for (var i = 0; i < 1000; i++) Assert.Equal(-1, census.Find(packs.NewId()));
        Assert.Empty(Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public void Ids_that_all_begin_alike_are_told_apart()
    {
        var ids = new List<ChunkId>();
        for (var i = 0; i < 3000; i++)
        {
            var bytes = new byte[ChunkId.Length];
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), i * 14);
            ids.Add(new ChunkId(bytes));
        }

        using var census = new ChunkCensus(_directories.Take(), 512);
        foreach (var id in ids.OrderBy(_ => _random.Next())) census.Add(id);
        census.Seal();

        for (var i = 0; i < ids.Count; i++) Assert.Equal(i, census.Find(ids[i]));
    }

    [Theory]
    [InlineData(300)]
    [InlineData(3000)]
    public void Numbers_of_chunks_keep_what_is_written(int count)
    {
        var packs = new SyntheticPacks(_random);
        using var census = new ChunkCensus(_directories.Take(), 512);
        for (var i = 0; i < count; i++) census.Add(packs.NewId());
        census.Seal();
        using var numbers = census.CreateNumbers(int.MaxValue);

        Assert.Equal((census.Count, census.IsMapped), (numbers.Count, numbers.IsMapped));
        for (var i = 0; i < count; i += 2) numbers[i] = i;
        for (var i = 0; i < count; i++) Assert.Equal(i % 2 == 0 ? i : int.MaxValue, numbers[i]);
        Assert.ThrowsAny<SystemException>(() => numbers[count]);
        Assert.ThrowsAny<SystemException>(() => numbers[-1] = 0);
    }

    private static UInt128 KeyOf(ChunkId id)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        id.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
