using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Repair;

/// <summary>Packs are damaged in every part. What was sound before is there after the repair, and what was lost comes back with the next backup that has it.</summary>
public sealed class PackRepairTests : IDisposable
{
    private readonly RepositoryCopies _copies = new();
    private readonly Random _random = SeededRandom.Create();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _copies.Dispose();

    [Theory]
    [InlineData(ChunkKind.Data, "header")]
    [InlineData(ChunkKind.Data, "first chunk")]
    [InlineData(ChunkKind.Data, "footer")]
    [InlineData(ChunkKind.Data, "trailer")]
    [InlineData(ChunkKind.Data, "cut in the middle")]
    [InlineData(ChunkKind.Data, "cut at the end")]
    [InlineData(ChunkKind.Data, "emptied")]
    [InlineData(ChunkKind.Data, "deleted")]
    [InlineData(ChunkKind.Tree, "first chunk")]
    [InlineData(ChunkKind.Tree, "footer")]
    [InlineData(ChunkKind.Tree, "cut in the middle")]
    [InlineData(ChunkKind.Tree, "deleted")]
    public async Task What_is_sound_in_a_damaged_pack_is_saved_and_what_is_lost_is_stored_anew_by_the_next_backup(ChunkKind kind, string damage)
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        var pack = await PackOfAsync(root, kind);
        Hurt(Path.Combine(root, pack.Key), damage);
        var before = await ReadableAsync(root, id);

        var report = await RepairAsync(root, new PackRepairOptions { ReadData = true });

        var repaired = Assert.Single(report.Packs);
        Assert.Equal(pack, repaired.Pack);
        Assert.False(File.Exists(Path.Combine(root, pack.Key)));
        // Damage of the footer alone costs nothing; what is in front of a cut stays.
        if (damage is "header" or "footer" or "trailer" or "cut at the end") Assert.Equal((repaired.Chunks, 0), (repaired.Saved, repaired.Lost));
        if (damage is "first chunk") Assert.Equal((repaired.Chunks - 1, 1), (repaired.Saved, repaired.Lost));
        // Of pages whose ids stood in lost pages above them nobody knows whether they are sound: they stay in what is kept.
        if (damage is "cut in the middle") Assert.True(repaired.Saved + repaired.Unknown > 0 && repaired.Lost > 0 && (repaired.Unknown == 0 || kind == ChunkKind.Tree));
        if (damage is "emptied" or "deleted") Assert.Equal((0, repaired.Chunks), (repaired.Saved, repaired.Lost));
        Assert.Equal(repaired.Chunks, repaired.Saved + repaired.Lost + repaired.Unknown);
        Assert.Equal(repaired.Lost > 0 && damage is not ("emptied" or "deleted"), repaired.KeptAs is not null);
        if (repaired.KeptAs is { } kept) Assert.True(File.Exists(Path.Combine(root, kept)));
        var after = await ReadableAsync(root, id);
        foreach (var (path, content) in before) Assert.True(after.TryGetValue(path, out var same) && content.AsSpan().SequenceEqual(same), $"{path} was readable before the repair");
        // The index tells the truth, so that a look at the structure alone finds what is lost.
        Assert.Equal(repaired.Lost == 0, (await CheckAsync(root, readData: false)).IsSound);
        Assert.Empty((await RepairAsync(root, new PackRepairOptions { ReadData = true })).Packs);

        await using (var repository = await OpenAsync(root)) await SampleBackup.WriteAsync(repository, files);
        var check = await CheckAsync(root, readData: true);
        Assert.True(check.IsSound, string.Join('\n', check.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
        SampleTree.AssertSame(files, await ReadableAsync(root, id));
    }

    [Fact]
    public async Task A_chunk_that_is_bad_in_one_pack_is_read_from_another_and_counts_as_there()
    {
        var files = SampleTree.Create(_random, 48 << 10, 6);
        var (root, first) = await TwinRepository.CreateAsync(_copies, files);
        // Each pack of the first session is hurt in another way, so that nothing of them can be relied on.
        for (var i = 0; i < first.Count; i++) Hurt(first[i], (i % 3) switch { 0 => "every chunk", 1 => "cut in the middle", _ => "emptied" });

        foreach (var snapshot in await SnapshotsAsync(root)) SampleTree.AssertSame(files, await ReadableAsync(root, snapshot));
        var check = await CheckAsync(root, readData: true);
        Assert.False(check.IsSound);
        Assert.DoesNotContain(check.Problems, p => p.Files.Count > 0);
        Assert.Equal([RepairStep.Packs], check.Repairs);

        var report = await RepairAsync(root, new PackRepairOptions { ReadData = true });
        Assert.Equal(first.Count, report.Packs.Count);
        Assert.Equal(0, report.Lost);
        Assert.True(report.Packs.Sum(p => p.Elsewhere) > 0);
        Assert.Empty(Directory.Exists(Path.Combine(root, "damaged")) ? Directory.GetFiles(Path.Combine(root, "damaged"), "*", SearchOption.AllDirectories) : []);
        Assert.True((await CheckAsync(root, readData: true)).IsSound);
        foreach (var snapshot in await SnapshotsAsync(root)) SampleTree.AssertSame(files, await ReadableAsync(root, snapshot));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_chunk_that_only_a_pack_has_that_no_segment_names_is_stored_anew(bool isCompressible)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var i = 0; i < 8; i++)
        {
            var content = new byte[3000 + (i * 1000)];
            if (isCompressible) Array.Fill(content, (byte)(i + 1));
            else _random.NextBytes(content);
            files[$"file {i}"] = content;
        }

        var (root, first) = await TwinRepository.CreateAsync(_copies, files, isSecondNamed: false);
        string[] second = [.. Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Except(first)];
        foreach (var pack in first) Hurt(pack, "every chunk");

        var report = await RepairAsync(root, new PackRepairOptions { ReadData = true });

        Assert.Equal(0, report.Lost);
        Assert.True(report.Packs.Sum(p => p.Elsewhere) >= files.Count);
        // Where they were found is no place to rely on.
        foreach (var pack in second) File.Delete(pack);
        foreach (var snapshot in await SnapshotsAsync(root)) SampleTree.AssertSame(files, await ReadableAsync(root, snapshot));
    }

    [Fact]
    public async Task A_dry_run_counts_the_same_and_changes_nothing()
    {
        var (root, _) = await CreateAsync(SampleTree.Create(_random, 96 << 10, 12));
        Hurt(Path.Combine(root, (await PackOfAsync(root, ChunkKind.Data)).Key), "cut in the middle");
        var before = Content(root);

        var dry = await RepairAsync(root, new PackRepairOptions { DryRun = true });

        Assert.Equal(before, Content(root));
        Assert.Equal(dry.Packs, [.. (await RepairAsync(root, new PackRepairOptions())).Packs.Select(p => p with { KeptAs = null })]);
    }

    [Fact]
    public async Task A_backup_that_relies_on_a_damaged_pack_while_it_is_repaired_finds_that_out_before_it_publishes()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        var pack = await PackOfAsync(root, ChunkKind.Data);
        await using var repository = await OpenAsync(root);

        await Assert.ThrowsAsync<SnapshotAbandonedException>(() => SampleBackup.WriteAsync(repository, files, beforePublish: async () =>
        {
            Hurt(Path.Combine(root, pack.Key), "emptied");
            Assert.True((await RepairAsync(root, new PackRepairOptions())).Lost > 0);
        }));

        // As BackupRun does: once more, with a session that knows.
        await SampleBackup.WriteAsync(repository, files);
        Assert.True((await CheckAsync(root, readData: true)).IsSound);
        SampleTree.AssertSame(files, await ReadableAsync(root, id));
    }

    [Fact]
    public async Task A_repair_that_is_stopped_at_any_write_loses_nothing_and_the_next_one_completes_it()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (original, id) = await CreateAsync(files);
        Hurt(Path.Combine(original, (await PackOfAsync(original, ChunkKind.Data)).Key), "cut in the middle");
        Hurt(Path.Combine(original, (await PackOfAsync(original, ChunkKind.Tree)).Key), "footer");
        var before = await ReadableAsync(original, id);
        for (var stopAt = 1; ; stopAt++)
        {
            var root = _copies.Take(original);
            bool hasStopped;
            var store = new Faults.StoppingStore(root, stopAt, (Faults.StopMode)(stopAt % 3), countsDeletes: true);
            await using (var repository = await TestRepository.OpenAsync(store))
            {
                await Record.ExceptionAsync(() => new PackRepair(repository, new PackRepairOptions { ReadData = true }, null).ExecuteAsync(Cancellation));
                hasStopped = store.HasStopped;
            }

            AssertHolds(before, await ReadableAsync(root, id));
            await RepairAsync(root, new PackRepairOptions { ReadData = true });
            AssertHolds(before, await ReadableAsync(root, id));
            await using (var repository = await OpenAsync(root)) await SampleBackup.WriteAsync(repository, files);
            Assert.True((await CheckAsync(root, readData: true)).IsSound, $"stopped at write {stopAt}");
            SampleTree.AssertSame(files, await ReadableAsync(root, id));
            if (!hasStopped)
            {
                Assert.InRange(stopAt, 8, 30);
                return;
            }

            RepositoryCopies.Discard(root);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Backups_prunes_and_repairs_at_once_leave_every_snapshot_whole_after_one_more_backup(bool hasExclusiveFences)
    {
        var files = SampleTree.Create(_random, 64 << 10, 8);
        var changed = SampleTree.Changed(files, _random);
        var (root, first) = await CreateAsync(files);
        // What the prunes find to do.
        SnapshotId second;
        await using (var repository = await OpenAsync(root))
        {
            second = await SampleBackup.WriteAsync(repository, changed);
            await new SnapshotCatalog(repository).ForgetAsync(await SampleBackup.WriteAsync(repository, SampleTree.Create(_random, 64 << 10, 8)), null, Cancellation);
        }

        Hurt(Path.Combine(root, (await PackOfAsync(root, ChunkKind.Data)).Key), "every chunk");
        var written = new List<SnapshotId>();
        var backups = RunAsync(3, async repository =>
        {
            var id = await SampleBackup.WriteAsync(repository, written.Count % 2 == 0 ? changed : files);
            lock (written) written.Add(id);
        });
        var repairs = RunAsync(3, repository => new PackRepair(repository, new PackRepairOptions { ReadData = true }, null).ExecuteAsync(Cancellation));
        var rebuilds = RunAsync(2, repository => IndexRebuild.ExecuteAsync(repository, null, Cancellation));
        var prunes = RunAsync(2, repository => RepositoryCollection.ExecuteAsync(repository, new CollectionOptions { ForgetGrace = TimeSpan.Zero, MaxUnusedShare = 0, Wait = false }, null, Cancellation));
        await Task.WhenAll(backups, repairs, rebuilds, prunes);

        await RepairAsync(root, new PackRepairOptions { ReadData = true });
        await using (var repository = await OpenAsync(root))
        {
            await SampleBackup.WriteAsync(repository, files);
            await SampleBackup.WriteAsync(repository, changed);
        }

        var check = await CheckAsync(root, readData: true);
        Assert.True(check.IsSound, string.Join('\n', check.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
        SampleTree.AssertSame(files, await ReadableAsync(root, first));
        SampleTree.AssertSame(changed, await ReadableAsync(root, second));
        for (var i = 0; i < written.Count; i++) SampleTree.AssertSame(i % 2 == 0 ? changed : files, await ReadableAsync(root, written[i]));

        Task RunAsync(int times, Func<ChunkRepository, Task> run) => Task.Run(async () =>
        {
            for (var i = 0; i < times; i++)
            {
                await using var repository = await TestRepository.OpenAsync(hasExclusiveFences ? new DirectoryStore(root) : new SharedOnlyStore(root));
                try
                {
                    await run(repository);
                }
                catch (RepositoryException)
                {
                    // A backup that relied on what a repair took away, or a prune that cannot tell what is garbage while something is damaged.
                }
            }
        });
    }

    [Fact]
    public async Task A_prune_after_a_repair_and_a_new_backup_removes_what_is_left_over_and_nothing_else()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        Hurt(Path.Combine(root, (await PackOfAsync(root, ChunkKind.Data)).Key), "cut in the middle");
        await RepairAsync(root, new PackRepairOptions());
        await using (var repository = await OpenAsync(root)) await SampleBackup.WriteAsync(repository, files);

        await using (var repository = await OpenAsync(root)) await RepositoryCollection.ExecuteAsync(repository, new CollectionOptions { MaxUnusedShare = 0 }, null, Cancellation);

        var check = await CheckAsync(root, readData: true);
        Assert.True(check.IsSound, string.Join('\n', check.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
        SampleTree.AssertSame(files, await ReadableAsync(root, id));
        // The records of the repair are gone with it.
        Assert.Empty(Directory.Exists(Path.Combine(root, "gc")) ? Directory.GetFiles(Path.Combine(root, "gc"), "condemn-*", SearchOption.AllDirectories) : []);
    }

    [Fact]
    public async Task A_store_of_which_most_is_missing_is_not_taken_for_damaged()
    {
        var (root, id) = await CreateAsync(SampleTree.Create(_random, 1 << 20, 12));
        var data = Path.Combine(root, "data");
        Directory.Move(data, data + "-elsewhere");

        var refused = await Assert.ThrowsAsync<RepositoryException>(() => RepairAsync(root, new PackRepairOptions()));
        Assert.Contains("--allow-mass-removal", refused.Message, StringComparison.Ordinal);
        await using (var repository = await OpenAsync(root))
            Assert.Contains("is the store mounted", (await Assert.ThrowsAsync<RepositoryException>(() => IndexRebuild.ExecuteAsync(repository, null, Cancellation))).Message, StringComparison.Ordinal);
        Directory.Move(data + "-elsewhere", data);
        Assert.True((await CheckAsync(root, readData: true)).IsSound);

        Directory.Delete(data, recursive: true);
        Assert.True((await RepairAsync(root, new PackRepairOptions { AllowMassRemoval = true })).Packs.Count > 10);
        Assert.DoesNotContain(await ReadableAsync(root, id), file => file.Value.Length > 1000);
    }

    [Fact]
    public async Task A_rebuild_leaves_packs_out_that_are_gone_and_takes_them_back_when_they_return()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        var pack = Path.Combine(root, (await PackOfAsync(root, ChunkKind.Data)).Key);
        File.Move(pack, pack + ".away");
        await using (var repository = await OpenAsync(root)) Assert.Equal(Path.GetRelativePath(root, pack), Assert.Single((await IndexRebuild.ExecuteAsync(repository, null, Cancellation)).GonePacks));
        var check = await CheckAsync(root, readData: false);
        Assert.False(check.IsSound);
        Assert.DoesNotContain(check.Problems, p => p.ObjectKey.StartsWith("data/", StringComparison.Ordinal) && p.IsDamage);

        File.Move(pack + ".away", pack);
        await using (var repository = await OpenAsync(root)) Assert.Equal((1, 0), await FoundAndGoneAsync(repository));
        Assert.True((await CheckAsync(root, readData: true)).IsSound);
        SampleTree.AssertSame(files, await ReadableAsync(root, id));
    }

    private static async Task<(int Found, int Gone)> FoundAndGoneAsync(ChunkRepository repository)
    {
        var report = await IndexRebuild.ExecuteAsync(repository, null, Cancellation);
        return (report.AddedPacks, report.GonePacks.Count);
    }

    private static void AssertHolds(SortedDictionary<string, byte[]> before, SortedDictionary<string, byte[]> after)
    {
        foreach (var (path, content) in before) Assert.True(after.TryGetValue(path, out var same) && content.AsSpan().SequenceEqual(same), $"{path} was readable before");
    }

    private static Task<ChunkRepository> OpenAsync(string root) => TestRepository.OpenAsync(new DirectoryStore(root));

    private static async Task<PackRepairReport> RepairAsync(string root, PackRepairOptions options)
    {
        await using var repository = await OpenAsync(root);
        return await new PackRepair(repository, options, null).ExecuteAsync(Cancellation);
    }

    private static async Task<CheckReport> CheckAsync(string root, bool readData)
    {
        await using var repository = await OpenAsync(root);
        return await new RepositoryCheck(repository, new CheckOptions { ReadData = readData }, null).ExecuteAsync(Cancellation);
    }

    private static async Task<List<SnapshotId>> SnapshotsAsync(string root)
    {
        await using var repository = await OpenAsync(root);
        return [.. (await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Select(s => s.Id)];
    }

    /// <summary>The files of a snapshot that can be read.</summary>
    private static async Task<SortedDictionary<string, byte[]>> ReadableAsync(string root, SnapshotId id)
    {
        await using var repository = await OpenAsync(root);
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        await SampleBackup.ReadAsync(repository, id, (path, content) => files.Add(path, content), (_, _) => { });
        return files;
    }

    /// <summary>A pack of four chunks or more.</summary>
    private static async Task<PackId> PackOfAsync(string root, ChunkKind kind)
    {
        await using var repository = await OpenAsync(root);
        await repository.LoadIndexAsync(Cancellation);
        return repository.Index.EnumerateChunks().Select(c => c.Locations[0].Location).Where(l => l.Kind == kind).GroupBy(l => l.Pack)
            .Where(g => g.Count() >= 4).OrderBy(g => g.Key.Key, StringComparer.Ordinal).First().Key;
    }

    private void Hurt(string path, string damage)
    {
        var content = File.ReadAllBytes(path);
        switch (damage)
        {
            case "header":
                content[_random.Next(8, 24)] ^= 1;
                break;
            case "first chunk":
                content[64 + 30] ^= 1;
                break;
            case "every chunk":
                for (var at = 64; at < content.Length; at += 7) content[at] ^= 1;
                break;
            case "footer":
                content[^40] ^= 1;
                break;
            case "trailer":
                content[^1] ^= 1;
                break;
            case "cut in the middle":
                content = content[..(content.Length / 2)];
                break;
            case "cut at the end":
                content = content[..^5];
                break;
            case "emptied":
                content = [];
                break;
            case "deleted":
                File.Delete(path);
                return;
        }

        File.WriteAllBytes(path, content);
    }

    private static SortedDictionary<string, string> Content(string root) => new(
        Directory.GetFiles(root, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".nodeagent-fence", StringComparison.Ordinal)).ToDictionary(f => f, f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))),
        StringComparer.Ordinal);

    private async Task<(string Root, SnapshotId Id)> CreateAsync(SortedDictionary<string, byte[]> files)
    {
        var root = _copies.Take();
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        return (root, await SampleBackup.WriteAsync(repository, files));
    }
}
