using System.Text;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Repair;

/// <summary>Packs are lost; of the snapshots everything that is left can be read from their repaired versions, and what is lost is named, all of it and nothing else.</summary>
public sealed class SnapshotRepairTests : IDisposable
{
    private readonly RepositoryCopies _copies = new();
    private readonly Random _random = SeededRandom.Create();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _copies.Dispose();

    [Theory]
    [InlineData(ChunkKind.Data)]
    [InlineData(ChunkKind.Tree)]
    [InlineData(ChunkKind.List)]
    public async Task A_repaired_version_has_everything_that_was_readable_and_says_what_is_lost(ChunkKind kind)
    {
        var files = SampleTree.Create(_random, kind == ChunkKind.List ? 800 << 10 : 192 << 10, 12);
        var (root, id) = await CreateAsync(files);
        foreach (var pack in (await PacksOfAsync(root, kind)).Where((_, i) => i % 2 == 0)) File.Delete(Path.Combine(root, pack.Key));
        await RepairPacksAsync(root);
        var before = await ReadAllAsync(root, id, ignoreFlags: true);

        var dry = await RepairAsync(root, new SnapshotRepairOptions { DryRun = true });
        var report = await RepairAsync(root, new SnapshotRepairOptions());

        var repaired = Assert.Single(report.Snapshots);
        Assert.Equal(Texts(Assert.Single(dry.Snapshots).Losses), Texts(repaired.Losses));
        var after = await ReadAllAsync(root, repaired.Repaired!.Value, ignoreFlags: false);
        // What could be read is there, and what stands behind a lost page too; a file of which a part is left has that part, and zeros.
        Assert.Empty(before.Whole.Keys.Except(after.Whole.Keys));
        foreach (var (path, content) in after.Whole) Assert.True(files[path].AsSpan().SequenceEqual(content), $"{path} has other content");
        Assert.Empty(after.Failed);
        var losses = repaired.Losses.ToLookup(loss => loss.Kind, loss => Encoding.UTF8.GetString(loss.Path.Span));
        foreach (var path in files.Keys.Except(after.Whole.Keys))
        {
            var isInLostEntries = losses[TreeLossKind.Entries].Any(directory => directory.Length == 0 || path.StartsWith(directory + "/", StringComparison.Ordinal));
            Assert.True(isInLostEntries || losses[TreeLossKind.File].Contains(path) || losses[TreeLossKind.Part].Contains(path), $"{path} is lost and not named");
        }

        Assert.Empty(losses[TreeLossKind.File].Concat(losses[TreeLossKind.Part]).Intersect(after.Whole.Keys));
        foreach (var (path, content) in after.Parts)
        {
            var original = files[path];
            var loss = Assert.Single(repaired.Losses, l => l.Kind == TreeLossKind.Part && Encoding.UTF8.GetString(l.Path.Span) == path);
            Assert.Equal(original.Length, content.Length);
            Assert.True(content.Zip(original).All(pair => pair.First == pair.Second || pair.First == 0), $"{path} has other bytes");
            Assert.InRange(loss.LostBytes, content.Zip(original).Count(pair => pair.First != pair.Second), original.Length - 1);
        }

        if (kind == ChunkKind.Data) Assert.NotEmpty(after.Parts);
        // The version says what it is, and is sound.
        await using (var repository = await OpenAsync(root))
        {
            var manifest = (await new SnapshotCatalog(repository).GetAsync(repaired.Repaired.Value, Cancellation)).Manifest;
            Assert.Equal((id.ToString(), "true", SnapshotOutcome.PartiallyFailed, repaired.Losses.Count), (manifest.RepairOf, manifest.Tags["repaired"], manifest.Outcome, (int)manifest.IssueCount));
        }

        // A second run finds nothing new to do but to forget the original; then collection works again.
        var second = await RepairAsync(root, new SnapshotRepairOptions { Forget = true });
        Assert.Equal((repaired.Repaired, true, true), (second.Snapshots[0].Repaired, second.Snapshots[0].IsKnown, second.Snapshots[0].IsForgotten));
        Assert.True((await CheckAsync(root)).IsSound);
        await using (var repository = await OpenAsync(root))
            await RepositoryCollection.ExecuteAsync(repository, new CollectionOptions { ForgetGrace = TimeSpan.Zero, MaxUnusedShare = 0 }, null, Cancellation);
        var collected = await ReadAllAsync(root, repaired.Repaired.Value, ignoreFlags: false);
        AssertSame(after.Whole, collected.Whole);
        AssertSame(after.Parts, collected.Parts);
    }

    [Fact]
    public async Task Sound_snapshots_are_left_as_they_are()
    {
        var (root, _) = await CreateAsync(SampleTree.Create(_random, 96 << 10, 12));
        var before = Directory.GetFiles(Path.Combine(root, "snap"));
        var report = await RepairAsync(root, new SnapshotRepairOptions());
        Assert.Equal((1, 0, 0), (report.Looked, report.Snapshots.Count, report.Unreadable.Count));
        Assert.Equal(before, Directory.GetFiles(Path.Combine(root, "snap")));
    }

    [Fact]
    public async Task A_damaged_snapshot_object_is_named_and_forgotten_on_request_so_that_collection_works_again()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        SnapshotId other;
        await using (var repository = await OpenAsync(root)) other = await SampleBackup.WriteAsync(repository, SampleTree.Changed(files, _random));
        var damaged = Directory.GetFiles(Path.Combine(root, "snap")).Single(f => f.EndsWith(id.ToString(), StringComparison.Ordinal));
        var content = await File.ReadAllBytesAsync(damaged, Cancellation);
        content[100] ^= 1;
        await File.WriteAllBytesAsync(damaged, content, Cancellation);
        await using (var repository = await OpenAsync(root))
            await Assert.ThrowsAsync<CollectionRefusedException>(() => RepositoryCollection.ExecuteAsync(repository, new CollectionOptions(), null, Cancellation));

        Assert.False(Assert.Single((await RepairAsync(root, new SnapshotRepairOptions())).Unreadable).IsForgotten);
        Assert.True(Assert.Single((await RepairAsync(root, new SnapshotRepairOptions { Forget = true })).Unreadable).IsForgotten);

        await using (var repository = await OpenAsync(root))
            await RepositoryCollection.ExecuteAsync(repository, new CollectionOptions { ForgetGrace = TimeSpan.Zero }, null, Cancellation);
        Assert.False(File.Exists(damaged));
        Assert.True((await CheckAsync(root)).IsSound);
        Assert.NotEmpty((await ReadAllAsync(root, other, ignoreFlags: false)).Whole);
    }

    [Fact]
    public async Task What_a_lost_snapshot_led_to_is_found_and_in_a_snapshot_again()
    {
        var files = SampleTree.Create(_random, 96 << 10, 12);
        var (root, id) = await CreateAsync(files);
        // Of two snapshots that share much, one is lost.
        var changed = SampleTree.Changed(files, _random);
        SnapshotId other;
        await using (var repository = await OpenAsync(root)) other = await SampleBackup.WriteAsync(repository, changed);
        File.Delete(Directory.GetFiles(Path.Combine(root, "snap")).Single(f => f.EndsWith(id.ToString(), StringComparison.Ordinal)));

        var dry = await RecoverAsync(root, new SnapshotRecoveryOptions { DryRun = true });
        Assert.NotEmpty(dry.Trees);
        Assert.Null(dry.Snapshot);
        var report = await RecoverAsync(root, new SnapshotRecoveryOptions());

        Assert.Equal(dry.Trees.Select(t => t.Root), report.Trees.Select(t => t.Root));
        Assert.Empty(report.Losses);
        var found = (await ReadAllAsync(root, report.Snapshot!.Value, ignoreFlags: false)).Whole;
        // The top directory and its own files stood in the snapshot's object. What is in pages and is not in the other snapshot too is there, below the id of a page.
        foreach (var (path, content) in files.Where(f => f.Key.StartsWith(SampleTree.Inline, StringComparison.Ordinal) && !changed[f.Key].AsSpan().SequenceEqual(f.Value)))
            Assert.Contains(found, f => f.Key.EndsWith("/" + path[SampleTree.Inline.Length..], StringComparison.Ordinal) && f.Value.AsSpan().SequenceEqual(content));
        Assert.Empty((await RecoverAsync(root, new SnapshotRecoveryOptions { DryRun = true })).Trees);
        Assert.True((await CheckAsync(root)).IsSound);
        AssertSame(changed, (await ReadAllAsync(root, other, ignoreFlags: false)).Whole);
    }

    [Fact]
    public async Task Nothing_is_recovered_where_nothing_is_lost_nor_of_snapshots_that_are_only_forgotten()
    {
        var (root, id) = await CreateAsync(SampleTree.Create(_random, 96 << 10, 12));
        Assert.Empty((await RecoverAsync(root, new SnapshotRecoveryOptions())).Trees);
        await using (var repository = await OpenAsync(root)) await new SnapshotCatalog(repository).ForgetAsync(id, null, Cancellation);
        Assert.Null((await RecoverAsync(root, new SnapshotRecoveryOptions())).Snapshot);
    }

    private static List<string> Texts(IEnumerable<TreeLoss> losses) => [.. losses.Select(loss => $"{Encoding.UTF8.GetString(loss.Path.Span)}: {TreeLossText.Of(loss)}")];

    private static void AssertSame(SortedDictionary<string, byte[]> expected, SortedDictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (path, content) in expected) Assert.True(content.AsSpan().SequenceEqual(actual[path]), $"{path} has other content");
    }

    private static Task<ChunkRepository> OpenAsync(string root) => TestRepository.OpenAsync(new DirectoryStore(root));

    private static async Task RepairPacksAsync(string root)
    {
        await using var repository = await OpenAsync(root);
        await new PackRepair(repository, new PackRepairOptions { AllowMassRemoval = true }, null).ExecuteAsync(Cancellation);
    }

    private static async Task<SnapshotRepairReport> RepairAsync(string root, SnapshotRepairOptions options)
    {
        await using var repository = await OpenAsync(root);
        return await new SnapshotRepair(repository, options, null).ExecuteAsync(Cancellation);
    }

    private static async Task<SnapshotRecoveryReport> RecoverAsync(string root, SnapshotRecoveryOptions options)
    {
        await using var repository = await OpenAsync(root);
        return await new SnapshotRecovery(repository, options, null).ExecuteAsync(Cancellation);
    }

    private static async Task<CheckReport> CheckAsync(string root)
    {
        await using var repository = await OpenAsync(root);
        return await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
    }

    /// <summary>Packs with chunks of a kind, beginning with those that hold the one large file, which is in two at least: whoever takes every other one takes a part of it.</summary>
    private static async Task<List<PackId>> PacksOfAsync(string root, ChunkKind kind)
    {
        await using var repository = await OpenAsync(root);
        await repository.LoadIndexAsync(Cancellation);
        return
        [
            .. repository.Index.EnumerateChunks().Select(c => c.Locations[0].Location).Where(l => l.Kind == kind).GroupBy(l => l.Pack)
                .OrderByDescending(pack => pack.Max(l => l.StoredLength) >= SampleBackup.ChunkLength).ThenBy(pack => pack.Key.Key, StringComparer.Ordinal).Select(pack => pack.Key),
        ];
    }

    /// <summary>The files of a snapshot: those that are whole, those of which a part is left, those that are marked as lost, and what could not be read.</summary>
    private static async Task<Content> ReadAllAsync(string root, SnapshotId id, bool ignoreFlags)
    {
        await using var repository = await OpenAsync(root);
        var content = new Content();
        var snapshot = await new SnapshotCatalog(repository).GetAsync(id, Cancellation);
        using var chunks = repository.CreateReader();
        var trees = new TreeReader(chunks.Source, repository.Config.Parameters.Trees);
        var flags = new Dictionary<string, TreeEntry>();
        if (!ignoreFlags) await CollectAsync(snapshot.Manifest.ReadRoot(), "");
        await SampleBackup.ReadAsync(
            repository, id,
            (path, bytes) => (flags.TryGetValue(path, out var entry) ? entry.IsPart ? content.Parts : content.Lost : content.Whole).Add(path, bytes),
            (path, _) => content.Failed.Add(path));
        // What is marked as lost cannot be read, and is not expected to be.
        content.Failed.RemoveAll(path => flags.TryGetValue(path, out var entry) && !entry.IsPart);
        return content;

        async Task CollectAsync(TreeEntry directory, string prefix)
        {
            await foreach (var entry in trees.ReadDirectoryAsync(directory, Cancellation))
            {
                var path = prefix + Encoding.UTF8.GetString(entry.Name.Span);
                if (entry.Type == TreeEntryType.Directory) await CollectAsync(entry, path + "/");
                else if (entry.UnreadableContent) flags.Add(path, entry);
            }
        }
    }

    private async Task<(string Root, SnapshotId Id)> CreateAsync(SortedDictionary<string, byte[]> files)
    {
        var root = _copies.Take();
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        return (root, await SampleBackup.WriteAsync(repository, files));
    }

    private sealed record Content
    {
        public SortedDictionary<string, byte[]> Whole { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, byte[]> Parts { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, byte[]> Lost { get; } = new(StringComparer.Ordinal);

        public List<string> Failed { get; } = [];
    }
}
