using NodeAgent.Repository.Index;

namespace NodeAgent.Repository.Tests.Index;

public sealed class FuseFilterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(257)]
    [InlineData(5_000)]
    [InlineData(200_000)]
    public void Every_key_is_found_and_few_others_are(int count)
    {
        var random = SeededRandom.Create();
        var keys = Keys(random, count);
        var shape = FuseFilter.Build([.. keys], 1, out var fingerprints);
        Assert.Equal(shape.Length, fingerprints.Length);
        Assert.NotEqual(0, shape.SegmentLength);
        Assert.All(keys, key => Assert.True(FuseFilter.MayContain(shape, fingerprints, key)));

        // One in 256 of 100,000 is 391, with a deviation of 20.
        var hits = Keys(random, 100_000).Count(key => FuseFilter.MayContain(shape, fingerprints, key));
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} keys: {fingerprints.Length * 8.0 / Math.Max(1, count):F2} bits a key, {hits} of 100,000 others pass");
        Assert.InRange(hits, 0, 391 + (8 * 20));
        if (count >= 200_000) Assert.InRange(fingerprints.Length * 8.0 / count, 8.0, 9.8);
    }

    [Fact]
    public void Equal_keys_do_no_harm()
    {
        var random = SeededRandom.Create();
        var keys = Keys(random, 1_000);
        var shape = FuseFilter.Build([.. keys, .. keys, .. keys], 1, out var fingerprints);
        Assert.NotEqual(0, shape.SegmentLength);
        Assert.All(keys, key => Assert.True(FuseFilter.MayContain(shape, fingerprints, key)));
    }

    [Fact]
    public void A_seed_that_does_not_do_is_replaced_by_another()
    {
        // Equal keys cannot be put in an order whatever the seed, so that the first attempt fails for certain.
        var shape = FuseFilter.Build([5, 5, 6, 7], 1, out var fingerprints);
        Assert.NotEqual(1UL, shape.Seed);
        Assert.True(FuseFilter.MayContain(shape, fingerprints, 5) && FuseFilter.MayContain(shape, fingerprints, 6) && FuseFilter.MayContain(shape, fingerprints, 7));
    }

    [Fact]
    public void A_filter_that_was_not_built_lets_everything_pass() => Assert.True(FuseFilter.MayContain(default, [], 17));

    private static ulong[] Keys(Random random, int count)
    {
        var keys = new HashSet<ulong>();
        while (keys.Count < count) keys.Add((ulong)random.NextInt64(long.MinValue, long.MaxValue));
        return [.. keys];
    }
}
