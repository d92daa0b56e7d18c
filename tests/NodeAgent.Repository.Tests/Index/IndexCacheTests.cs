using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Index;

public sealed class IndexCacheTests : IDisposable
{
    private static readonly byte[] RepositoryId = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-test-").FullName;
    private readonly RootKeys _keys = RootKeys.Create();

    private string Place => Path.Combine(_directory, Convert.ToHexStringLower(RepositoryId));

    [Fact]
    public void An_index_over_a_base_answers_as_a_dictionary_does()
    {
        var random = SeededRandom.Create();
        var packs = new SyntheticPacks(random);
        var cache = Cache();
        var sessions = new List<SessionIdentity>();
        var index = new ChunkIndex(sessions.Add);
        var model = new IndexModel();
        var settled = new Dictionary<string, List<PackContents>>();
        var recent = new List<PackContents>();

        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 40; i++)
            {
                var pack = random.Next(3) switch
                {
                    0 when model.Chunks.Count > 0 => packs.Of([.. model.Chunks.Where(_ => random.Next(100) == 0), packs.NewId()]),
                    1 => packs.Next(1),
                    _ => packs.Next(random.Next(1, 80)),
                };
                recent.Add(pack);
                index.Add(pack);
                model.Add(pack, PackStanding.Named);
                if (random.Next(4) == 0) Change(pack.Pack);
            }

            // What is in memory goes into a base, in one or two segments, beside the base before.
            using var pending = cache.TryBegin()!;
            foreach (var half in recent.Chunk((recent.Count / 2) + random.Next(1, recent.Count)))
            {
                var key = $"{IndexSegment.Prefix}0000000000000001-{packs.NewId()}";
                settled.Add(key, [.. half]);
                pending.Builder.Add(key, half);
            }

            index.ReplaceBase(pending.Publish(index.Base, _ => true));
            recent.Clear();
            Assert.Equal(0, index.RecentCount);
            foreach (var pack in model.Packs.Where(_ => random.Next(5) == 0).ToList()) Change(pack);
            for (var i = 0; i < 300; i++) model.AssertKnows(index, packs.NewId());
            model.AssertEqual(index);
            // Again with some in memory that the base has too.
            var doubled = packs.Of([.. model.Chunks.Where(_ => random.Next(20) == 0)]);
            recent.Add(doubled);
            index.Add(doubled);
            model.Add(doubled, PackStanding.Named);
            model.AssertEqual(index);
            Assert.Equal(settled.Keys.Order(), index.Base!.Segments.Select(s => s.Key).Order());
        }

        Assert.All(settled.Values.SelectMany(p => p).SelectMany(p => p.Chunks).Select(c => c.Session), s => Assert.Contains(sessions, told => told.Salt.Span.SequenceEqual(s.Salt.Span)));

        void Change(PackId pack)
        {
            var standing = (PackStanding)random.Next(4);
            // In memory, a pack that only its footer told of is named by the next base: not what this test is about.
            if (standing == PackStanding.Unnamed) standing = PackStanding.Condemned;
            index.SetStanding(pack, standing);
            model.SetStanding(pack, standing);
        }
    }

    [Fact]
    public void What_only_segments_that_no_longer_count_named_is_left_out_of_the_next_base()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var cache = Cache();
        var (kept, dropped, twice, added) = (packs.Next(50), packs.Next(9000), packs.Next(20), packs.Next(30));
        var (first, second, third) = (Key(packs), Key(packs), Key(packs));
        IndexBase before;
        using (var pending = cache.TryBegin()!)
        {
            pending.Builder.Add(first, [kept]);
            pending.Builder.Add(second, [dropped, twice]);
            before = pending.Publish(null, _ => true);
        }

        Assert.False(before.HasRepeatedPacks);
        using (var pending = cache.TryBegin()!)
        {
            pending.Builder.Add(third, [twice, added]);
            pending.Builder.AddSuperseded(second, IndexSegment.HashOf(third));
            before = pending.Publish(before, s => s.Key != second);
        }

        var index = new ChunkIndex();
        index.ReplaceBase(before);
        var model = new IndexModel();
        foreach (var pack in (PackContents[])[kept, twice, added])
        {
            model.Add(pack, PackStanding.Named);
            index.Confirm(pack.Pack, pack.Size);
        }

        model.AssertEqual(index);
        Assert.False(index.Knows(dropped.Pack));
        Assert.Equal([first, third], before.Segments.Where(s => !s.IsSuperseded).Select(s => s.Key).Order(StringComparer.Ordinal).OrderBy(k => k == third));
        Assert.Equal(second, Assert.Single(before.Segments, s => s.IsSuperseded).Key);
    }

    [Fact]
    public void A_pack_that_two_segments_name_is_there_once()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var cache = Cache();
        var (both, one) = (packs.Next(9000), packs.Next(10));
        using var pending = cache.TryBegin()!;
        pending.Builder.Add(Key(packs), [both]);
        pending.Builder.Add(Key(packs), [one, both]);
        var made = pending.Publish(null, _ => true);
        Assert.True(made.HasRepeatedPacks);
        var index = new ChunkIndex();
        index.ReplaceBase(made);
        var model = new IndexModel();
        model.Add(both, PackStanding.Named);
        model.Add(one, PackStanding.Named);
        index.Confirm(both.Pack, both.Size);
        index.Confirm(one.Pack, one.Size);
        model.AssertEqual(index);
    }

    [Fact]
    public void A_new_base_keeps_standings_and_holds_what_nobody_confirmed_for_lost()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var cache = Cache();
        var (condemned, named, unknown) = (packs.Next(5), packs.Next(5), packs.Next(5));
        var index = new ChunkIndex();
        index.Add(condemned, PackStanding.Condemned);
        index.Add(named);
        using (var pending = cache.TryBegin()!)
        {
            pending.Builder.Add(Key(packs), [condemned, named, unknown]);
            index.ReplaceBase(pending.Publish(null, _ => true));
        }

        Assert.Equal(PackStanding.Condemned, index.StandingOf(condemned.Pack));
        Assert.Equal(PackStanding.Named, index.StandingOf(named.Pack));
        Assert.Equal(PackStanding.Lost, index.StandingOf(unknown.Pack));
        index.Confirm(unknown.Pack, unknown.Size - 1);
        Assert.Equal(PackStanding.Lost, index.StandingOf(unknown.Pack));
        index.Confirm(unknown.Pack, unknown.Size);
        Assert.Equal(PackStanding.Named, index.StandingOf(unknown.Pack));
        index.SetStanding(named.Pack, PackStanding.Lost);
        using (var pending = cache.TryBegin()!) index.ReplaceBase(pending.Publish(index.Base, _ => true));
        Assert.Equal(PackStanding.Condemned, index.StandingOf(condemned.Pack));
        Assert.Equal(PackStanding.Lost, index.StandingOf(named.Pack));
        Assert.Equal(PackStanding.Named, index.StandingOf(unknown.Pack));
    }

    [Fact]
    public void A_base_with_any_byte_changed_never_gives_a_wrong_answer()
    {
        var random = SeededRandom.Create();
        var packs = new SyntheticPacks(random);
        var all = Enumerable.Range(0, 12).Select(_ => packs.Next(random.Next(1, 60))).ToList();
        var cache = Cache();
        using (var pending = cache.TryBegin()!)
        {
            pending.Builder.Add(Key(packs), all);
            pending.Publish(null, _ => true);
        }

        var absent = Enumerable.Range(0, 300).Select(_ => packs.NewId()).ToList();
        var path = Path.Combine(Place, "index-1");
        var content = File.ReadAllBytes(path);
        var header = IndexBaseHeader.TryDecode(content.AsSpan(0, IndexBaseHeader.Length), _keys.IndexCacheKey.ToArray(), RepositoryId)!;
        FileRegion[] regions =
        [
            new(0, IndexBaseHeader.Length), header.Locations, header.RowTable, header.PackOrder, header.Sessions, header.Segments,
            header.EntryTable, header.Buckets, header.Filters, header.Checksums,
        ];
        Assert.Equal(content.Length, regions.Sum(r => r.Length));
        var (refused, found) = (0, 0);
        for (var i = 0; i < 100; i++)
        {
            var region = regions[i % regions.Length];
            var at = region.Offset + random.NextInt64(region.Length);
            var damaged = content.ToArray();
            damaged[at] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, damaged);
            if (cache.TryOpen() is not { } opened)
            {
                Assert.False(File.Exists(path), "a base that is refused is removed");
                refused++;
                continue;
            }

            var index = new ChunkIndex();
            index.ReplaceBase(opened);
            foreach (var pack in all) index.Confirm(pack.Pack, pack.Size);
            foreach (var chunk in all.SelectMany(p => p.Chunks))
            {
                var contains = index.Contains(chunk.Id);
                Assert.True(contains || index.NeedsBase, $"byte {at}: chunk {chunk.Id} is not found and nothing is said of damage");
                try
                {
                    Assert.True(index.TryFind(chunk.Id, out var location));
                    Assert.Equal((chunk.StoredLength, chunk.PlainLength, chunk.Kind), (location.StoredLength, location.PlainLength, location.Kind));
                }
                catch (IndexCacheDamagedException)
                {
                    Assert.True(index.NeedsBase);
                }
            }

            Assert.All(absent, id => Assert.False(index.Contains(id)));
            try
            {
                Assert.Equal(all.Sum(p => p.Chunks.Count), index.EnumerateChunks().Count());
                opened.VerifyAll();
                Assert.Fail($"byte {at} was changed, and every checksum holds");
            }
            catch (IndexCacheDamagedException)
            {
                Assert.True(index.NeedsBase);
                found++;
            }
        }

        Assert.Equal(100, refused + found);
        // Of the header and the checksums, every one; of the tables that opening reads, those too.
        Assert.InRange(refused, 20, 100);
    }

    [Fact]
    public void A_base_that_is_cut_short_or_anothers_is_refused()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        using (var pending = Cache().TryBegin()!)
        {
            pending.Builder.Add(Key(packs), [packs.Next(100)]);
            pending.Publish(null, _ => true);
        }

        var path = Path.Combine(Place, "index-1");
        var content = File.ReadAllBytes(path);
        foreach (var length in (int[])[0, 1, IndexBaseHeader.Length - 1, IndexBaseHeader.Length, content.Length / 2, content.Length - 1])
        {
            File.WriteAllBytes(path, content[..length]);
            Assert.Null(Cache().TryOpen());
            Assert.False(File.Exists(path));
        }

        File.WriteAllBytes(path, [.. content, 0]);
        Assert.Null(Cache().TryOpen());

        // Of a repository with the same id whose keys are others: what someone without the keys could make.
        File.WriteAllBytes(path, content);
        using var others = RootKeys.Create();
        Assert.Null(new IndexCache(_directory, others, RepositoryId, TimeProvider.System).TryOpen());
        File.WriteAllBytes(path, content);
        Assert.NotNull(Cache().TryOpen());
    }

    [Fact]
    public void Only_the_owner_may_read_the_file_and_nothing_is_left_beside_it()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        Directory.CreateDirectory(Place);
        var stale = Path.Combine(Place, IndexCache.TemporaryPrefix + "1");
        var fresh = Path.Combine(Place, IndexCache.TemporaryPrefix + "2");
        File.WriteAllText(stale, "");
        File.WriteAllText(fresh, "");
        File.SetLastWriteTimeUtc(stale, DateTime.UtcNow.AddDays(-2));
        using (var pending = Cache().TryBegin()!) pending.Builder.Add(Key(packs), [packs.Next(10)]);
        Assert.Equal([fresh], Directory.GetFiles(Place));
        File.Delete(fresh);
        using (var pending = Cache().TryBegin()!)
        {
            pending.Builder.Add(Key(packs), [packs.Next(10)]);
            pending.Publish(null, _ => true);
        }

        var path = Assert.Single(Directory.GetFiles(Place));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Without_a_directory_that_can_be_written_the_base_is_a_file_without_a_name()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        // A file in the place of the directory stops root too.
        File.WriteAllText(Place, "");
        foreach (var cache in (IndexCache[])[Cache(), new IndexCache(null, _keys, RepositoryId, TimeProvider.System)])
        {
            using var pending = cache.TryBegin()!;
            var pack = packs.Next(100);
            pending.Builder.Add(Key(packs), [pack]);
            var made = pending.Publish(null, _ => true);
            Assert.False(File.Exists(made.Path));
            Assert.Equal(1, made.Find(ChunkPrefix.Of(pack.Chunks[7].Id)).Count);
            Assert.Null(cache.TryOpen());
        }
    }

    [Fact]
    public void A_base_stays_readable_when_another_takes_its_place()
    {
        var packs = new SyntheticPacks(SeededRandom.Create());
        var (one, other) = (packs.Next(300), packs.Next(300));
        var first = Make(one);
        var opened = Cache().TryOpen()!;
        var second = Make(other);
        foreach (var made in (IndexBase[])[first, opened])
        {
            Assert.All(one.Chunks, c => Assert.Equal(1, made.Find(ChunkPrefix.Of(c.Id)).Count));
            Assert.All(other.Chunks, c => Assert.Equal(0, made.Find(ChunkPrefix.Of(c.Id)).Count));
        }

        Assert.All(other.Chunks, c => Assert.Equal(1, second.Find(ChunkPrefix.Of(c.Id)).Count));

        IndexBase Make(PackContents pack)
        {
            using var pending = Cache().TryBegin()!;
            pending.Builder.Add(Key(packs), [pack]);
            return pending.Publish(null, _ => true);
        }
    }

    [Fact]
    public async Task Look_ups_go_on_while_the_base_is_replaced()
    {
        var random = SeededRandom.Create();
        var packs = new SyntheticPacks(random);
        var cache = Cache();
        var index = new ChunkIndex();
        var known = Enumerable.Range(0, 20).Select(_ => packs.Next(100)).ToList();
        foreach (var pack in known) index.Add(pack);
        var absent = Enumerable.Range(0, 200).Select(_ => packs.NewId()).ToList();
        var done = false;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var rounds = 0;
            do
            {
                foreach (var chunk in known.SelectMany(p => p.Chunks))
                {
                    Assert.True(index.Contains(chunk.Id));
                    Assert.True(index.TryFind(chunk.Id, out var location) && location.PlainLength == chunk.PlainLength);
                }

                Assert.All(absent, id => Assert.False(index.Contains(id)));
                rounds++;
            }
            while (!Volatile.Read(ref done));
            return rounds;
        }, TestContext.Current.CancellationToken)).ToList();

        for (var i = 0; i < 15; i++)
        {
            var more = packs.Next(100);
            index.Add(more);
            using var pending = cache.TryBegin()!;
            pending.Builder.Add(Key(packs), i == 0 ? [.. known, more] : [more]);
            index.ReplaceBase(pending.Publish(index.Base, _ => true));
            GC.Collect();
        }

        Volatile.Write(ref done, true);
        Assert.All(await Task.WhenAll(readers), rounds => Assert.True(rounds > 0));
        Assert.Equal(known.Sum(p => p.Chunks.Count) + (15 * 100), index.Count);
    }

    public void Dispose()
    {
        _keys.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private IndexCache Cache() => new(_directory, _keys, RepositoryId, TimeProvider.System);

    private static string Key(SyntheticPacks packs) => $"{IndexSegment.Prefix}0000000000000001-{packs.NewId()}";
}
