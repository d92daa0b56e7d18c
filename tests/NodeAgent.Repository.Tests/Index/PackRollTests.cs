using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Index;

/// <summary>How a repository that stays open learns, at the beginning of each session, which packs are there.</summary>
public sealed class PackRollTests
{
    private readonly Random _random = SeededRandom.Create();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Packs_that_went_or_were_cut_short_meanwhile_count_as_lost_until_they_are_back(bool hasBase)
    {
        using var repository = NewRepository(hasBase);
        await repository.InitializeAsync();
        await repository.WriteAsync(6, 40);
        await using var longLived = await repository.OpenAsync();
        await longLived.LoadIndexAsync(Cancellation);
        // Some of them in memory, beside the base.
        await repository.WriteSessionAsync(longLived, 10);
        Assert.Equal(hasBase, longLived.Index.Base is not null);
        AssertNumbered(longLived.Index);
        var packs = longLived.Index.EnumeratePacks().Select(p => p.Pack).ToList();
        Shuffle(packs);
        var (gone, cut) = (packs[0], packs[1]);
        var contents = packs[..2].ConvertAll(p => File.ReadAllBytes(PathOf(p)));
        File.Delete(PathOf(gone));
        File.WriteAllBytes(PathOf(cut), contents[1][..^1]);

        await BeginAsync(longLived);
        Assert.Equal(new[] { gone, cut }.ToHashSet(), longLived.Index.EnumeratePacks().Where(p => p.Standing != PackStanding.Named).Select(p => p.Pack).ToHashSet());
        Assert.True(longLived.Index.IsLost(gone) && longLived.Index.IsLost(cut));

        File.WriteAllBytes(PathOf(gone), contents[0]);
        File.WriteAllBytes(PathOf(cut), contents[1]);
        await BeginAsync(longLived);
        Assert.All(longLived.Index.EnumeratePacks(), p => Assert.Equal(PackStanding.Named, p.Standing));
        await repository.AssertWholeAsync(longLived);

        string PathOf(PackId pack) => Path.Combine(repository.Root, pack.Key);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Packs_that_others_wrote_meanwhile_are_not_asked_for_one_by_one(bool hasBase)
    {
        using var repository = NewRepository(hasBase);
        await repository.InitializeAsync();
        await repository.WriteAsync(6, 40);
        var store = new ObservedStore(repository.Root);
        await using var longLived = await repository.OpenAsync(store);
        await longLived.LoadIndexAsync(Cancellation);
        var before = longLived.Index.EnumeratePacks().Count();
        await repository.WriteAsync(3, 10);
        store.Asked.Clear();
        await BeginAsync(longLived);
        Assert.InRange(longLived.Index.EnumeratePacks().Count(), before + 3, int.MaxValue);
        Assert.All(longLived.Index.EnumeratePacks(), p => Assert.Equal(PackStanding.Named, p.Standing));
        Assert.DoesNotContain(store.Asked, key => key.StartsWith(PackId.Prefix, StringComparison.Ordinal));
        AssertNumbered(longLived.Index);
        await repository.AssertWholeAsync(longLived);
    }

    [Fact]
    public async Task A_pack_that_a_new_segment_names_and_that_is_not_there_is_lost()
    {
        using var repository = NewRepository(hasBase: false);
        await repository.InitializeAsync();
        await repository.WriteAsync(2, 40);
        await using var longLived = await repository.OpenAsync();
        await longLived.LoadIndexAsync(Cancellation);
        var before = longLived.Index.EnumeratePacks().Select(p => p.Pack).ToHashSet();
        await repository.WriteAsync(1, 10);
        await using (var other = await repository.OpenAsync(cacheDirectory: null))
        {
            await other.LoadIndexAsync(Cancellation);
            foreach (var pack in other.Index.EnumeratePacks().Where(p => !before.Contains(p.Pack))) File.Delete(Path.Combine(repository.Root, pack.Pack.Key));
        }

        await BeginAsync(longLived);
        var added = longLived.Index.EnumeratePacks().Where(p => !before.Contains(p.Pack)).ToList();
        Assert.NotEmpty(added);
        Assert.All(added, p => Assert.Equal(PackStanding.Lost, p.Standing));
        Assert.All(before, p => Assert.Equal(PackStanding.Named, longLived.Index.StandingOf(p)));
    }

    private IndexedRepository NewRepository(bool hasBase) => new(_random) { Limits = hasBase ? new IndexCacheLimits(50, 200) : new IndexCacheLimits(100_000, 100_000) };

    private static async Task BeginAsync(ChunkRepository repository) => await (await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation)).DisposeAsync();

    private static void AssertNumbered(ChunkIndex index)
    {
        foreach (var pack in index.EnumeratePacks())
        {
            Assert.True(index.TryGetPack(pack.Pack, out var ordinal, out var size));
            Assert.Equal((pack.Ordinal, pack.Size), (ordinal, size));
        }
    }

    private void Shuffle(List<PackId> packs)
    {
        for (var i = packs.Count - 1; i > 0; i--)
        {
            var other = _random.Next(i + 1);
            (packs[i], packs[other]) = (packs[other], packs[i]);
        }
    }
}
