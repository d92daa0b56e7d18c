using NodeAgent.Repository.Chunking;

namespace NodeAgent.Repository.Tests.Chunking;

public sealed class FastCdcTests
{
    private static readonly ChunkerParameters Small = new(256, 1024, 4096);

    private static readonly GoldenCuts Golden = new();

    [Fact]
    public void Cuts_equal_the_golden_ones()
    {
        var sets = 0;
        foreach ((string description, byte[] data, ChunkerParameters parameters, int[] expected) in Golden.Sets)
        {
            Assert.True(expected.SequenceEqual(CutAll(new FastCdc(Golden.Table, parameters), data)), description);
            sets++;
        }

        Assert.Equal(13, sets);
    }

    [Fact]
    public void Cuts_follow_the_written_definition()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < 30; round++)
        {
            var parameters = new ChunkerParameters(
                random.Next(64, 300), 1 << random.Next(9, 12), random.Next(2049, 9000), random.Next(0, 5));
            var data = new byte[random.Next(30000)];
            random.NextBytes(data);
            if (round % 3 == 0)
                data.AsSpan(data.Length / 3).Fill((byte)round);
            var cutter = new FastCdc(Golden.Table, parameters);
            for (var at = 0; at < data.Length;)
            {
                var cut = cutter.FindCut(data.AsSpan(at), isLast: true);
                Assert.Equal(CutByDefinition(data.AsSpan(at), parameters), cut);
                at += cut;
            }
        }
    }

    [Fact]
    public void Sizes_stay_within_the_limits()
    {
        var random = SeededRandom.Create();
        var data = new byte[500_000];
        random.NextBytes(data);
        List<int> cuts = CutAll(new FastCdc(Golden.Table, Small), data);
        Assert.All(cuts.SkipLast(1), cut => Assert.InRange(cut, Small.MinSize, Small.MaxSize));
        Assert.InRange(cuts[^1], 1, Small.MaxSize);
        Assert.Equal(data.Length, cuts.Sum());

        // Two bits of normalisation keep the mean near the average size: a wrong mask would miss this range by far.
        Assert.InRange(data.Length / (double)cuts.Count, Small.AverageSize * 0.8, Small.AverageSize * 1.8);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(257)]
    [InlineData(1024)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(9001)]
    public void Pieces_of_any_size_give_the_same_cuts(int piece)
    {
        byte[] data = [.. GoldenCuts.Data("random", "pieces", 40_000), .. GoldenCuts.Data("zero", "", 10_000), .. GoldenCuts.Data("text", "", 10_000)];
        var cutter = new FastCdc(Golden.Table, Small);
        List<int> expected = CutAll(cutter, data);
        var stream = new StreamChunker(cutter);
        for (var at = 0; at < data.Length; at += piece)
            stream.Append(data.AsSpan(at, Math.Min(piece, data.Length - at)));
        stream.Complete();
        Assert.Equal(expected, stream.Lengths);
    }

    [Fact]
    public void An_inserted_byte_changes_only_the_chunks_around_it()
    {
        var random = SeededRandom.Create();
        var cutter = new FastCdc(Golden.Table, Small);
        for (var round = 0; round < 20; round++)
        {
            var data = new byte[200_000];
            random.NextBytes(data);
            var at = random.Next(data.Length);
            byte[] edited = [.. data[..at], (byte)random.Next(256), .. data[at..]];

            HashSet<int> before = Ends(CutAll(cutter, data));
            List<int> after = CutAll(cutter, edited);
            var end = 0;
            var foreign = 0;
            foreach (var cut in after)
            {
                end += cut;
                if (!before.Contains(end <= at ? end : end - 1))
                    foreign++;
            }

            // About 150 chunks; an edit disturbs a handful until both cut at the same content again.
            Assert.True(foreign <= 12, $"{foreign} of {after.Count} chunks end elsewhere after an edit at {at}");
        }
    }

    [Fact]
    public void A_cut_is_found_as_soon_as_its_bytes_are_there()
    {
        var data = GoldenCuts.Data("random", "early", 20_000);
        var cutter = new FastCdc(Golden.Table, Small);
        var cut = cutter.FindCut(data, isLast: true);
        Assert.InRange(cut, Small.MinSize, Small.MaxSize - 1);
        Assert.Equal(-1, cutter.FindCut(data.AsSpan(0, cut - 1), isLast: false));
        Assert.Equal(cut, cutter.FindCut(data.AsSpan(0, cut), isLast: false));
    }

    [Fact]
    public void The_end_of_the_stream_ends_a_chunk_of_any_length()
    {
        var cutter = new FastCdc(Golden.Table, Small);
        foreach (var length in new[] { 0, 1, 63, 64, 255, 256 })
        {
            Assert.Equal(length, cutter.FindCut(new byte[length], isLast: true));
            Assert.Equal(-1, cutter.FindCut(new byte[length], isLast: false));
        }
    }

    [Fact]
    public void Bytes_before_the_window_do_not_decide()
    {
        var data = GoldenCuts.Data("random", "window", 20_000);
        var cutter = new FastCdc(Golden.Table, Small);
        var cut = cutter.FindCut(data, isLast: true);
        var other = data.ToArray();
        other.AsSpan(0, Small.MinSize - FastCdc.WindowSize).Fill(7);
        Assert.Equal(cut, cutter.FindCut(other, isLast: true));
    }

    [Fact]
    public void Unusable_parameters_are_refused_with_all_reasons()
    {
        Assert.Empty(ChunkerParameters.Default.Validate());
        Assert.Equal(4, new ChunkerParameters(63, 63, 63).Validate().Count);
        Assert.Single(new ChunkerParameters(64, 1000, 4096).Validate());
        Assert.Single(new ChunkerParameters(64, 1024, 4096, 5).Validate());
        Assert.Single(new ChunkerParameters(64, 1024, int.MaxValue).Validate());
        Assert.Throws<ArgumentException>(() => new FastCdc(Golden.Table, new ChunkerParameters(0, 0, 0)));
    }

    private static int CutByDefinition(ReadOnlySpan<byte> data, ChunkerParameters p)
    {
        ReadOnlySpan<ulong> table = Golden.Table.Values;
        var bits = System.Numerics.BitOperations.Log2((uint)p.AverageSize);
        for (var n = p.MinSize; n < Math.Min(data.Length, p.MaxSize); n++)
        {
            ulong hash = 0;
            for (var i = 0; i < 64; i++)
                hash += table[data[n - 1 - i]] << i;
            var tested = n < p.AverageSize ? bits + p.Normalization : bits - p.Normalization;
            if (hash >> (64 - tested) == 0)
                return n;
        }

        return Math.Min(data.Length, p.MaxSize);
    }

    private static List<int> CutAll(FastCdc cutter, ReadOnlySpan<byte> data)
    {
        var cuts = new List<int>();
        while (!data.IsEmpty)
        {
            var cut = cutter.FindCut(data, isLast: true);
            cuts.Add(cut);
            data = data[cut..];
        }

        return cuts;
    }

    private static HashSet<int> Ends(List<int> cuts)
    {
        var ends = new HashSet<int>();
        var end = 0;
        foreach (var cut in cuts)
            ends.Add(end += cut);
        return ends;
    }
}
