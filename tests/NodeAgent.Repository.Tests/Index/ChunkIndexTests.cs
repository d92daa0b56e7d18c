using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Index;

public sealed class ChunkIndexTests
{
    [Fact]
    public void Answers_as_a_dictionary_does_whatever_is_added_in_whatever_order()
    {
        var random = SeededRandom.Create();
        var packs = new SyntheticPacks(random);
        var index = new ChunkIndex();
        var model = new IndexModel();
        var added = new List<PackContents>();
        for (var i = 0; i < 250; i++)
        {
            switch (random.Next(8))
            {
                case 0 when added.Count > 0:
                    var again = added[random.Next(added.Count)];
                    var standing = (PackStanding)random.Next(4);
                    index.Add(again, standing);
                    model.Add(again, standing);
                    break;
                case 1 or 2 when added.Count > 0:
                    var changed = added[random.Next(added.Count)].Pack;
                    var other = (PackStanding)random.Next(4);
                    index.SetStanding(changed, other);
                    model.SetStanding(changed, other);
                    break;
                case 3 when model.Chunks.Count > 0:
                    // Chunks that other packs hold already.
                    Add(packs.Of(model.Chunks.Where(_ => random.Next(50) == 0).Append(packs.NewId()).ToList()), (PackStanding)random.Next(4));
                    break;
                default:
                    Add(packs.Next(random.Next(1, 60)), (PackStanding)random.Next(4));
                    break;
            }

            model.AssertKnows(index, packs.NewId());
        }

        model.AssertEqual(index);

        void Add(PackContents pack, PackStanding standing)
        {
            added.Add(pack);
            index.Add(pack, standing);
            model.Add(pack, standing);
        }
    }

    [Fact]
    public void A_chunk_counts_by_the_best_of_its_packs_whatever_happens_to_the_others()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var index = new ChunkIndex();
        var id = packs.NewId();
        var first = packs.Of([id]);
        var second = packs.Of([id]);
        index.Add(first);
        index.Add(second);

        index.SetStanding(first.Pack, PackStanding.Condemned);
        Assert.True(index.Contains(id));
        Assert.True(index.TryFind(id, out var location));
        Assert.Equal(second.Pack, location.Pack);

        index.SetStanding(second.Pack, PackStanding.Lost);
        Assert.False(index.Contains(id));
        Assert.True(index.TryFind(id, out location));
        Assert.Equal(first.Pack, location.Pack);

        index.SetStanding(second.Pack, PackStanding.Named);
        Assert.True(index.Contains(id));
    }

    [Fact]
    public void A_pack_that_a_segment_comes_to_name_is_no_longer_unnamed()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var index = new ChunkIndex();
        var pack = packs.Next(3);
        index.Add(pack, PackStanding.Unnamed);
        Assert.False(index.Contains(pack.Chunks[0].Id));
        index.Add(pack);
        Assert.True(index.Contains(pack.Chunks[0].Id));
    }

    [Fact]
    public void What_was_added_is_found_while_others_add()
    {
        var seed = SeededRandom.Create().Next();
        var index = new ChunkIndex();
        Parallel.For(0, 8, worker =>
        {
            var packs = new SyntheticPacks(new Random(seed + worker));
            for (var i = 0; i < 200; i++)
            {
                var pack = packs.Next(20);
                index.Add(pack);
                foreach (var chunk in pack.Chunks) Assert.True(index.Contains(chunk.Id));
                Assert.False(index.Contains(packs.NewId()));
            }
        });
        Assert.Equal(8 * 200 * 20, index.Count);
        Assert.Equal(8 * 200, index.EnumeratePacks().Count());
    }
}
