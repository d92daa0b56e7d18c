using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Keys;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Agent.Tests.Volumes;

/// <summary>Runs that share the repository of a location: what may change meanwhile, in the cluster and in the store.</summary>
public sealed class SharedRepositoryTests : IAsyncLifetime
{
    private const string KeySecret = "velero-repo-credentials";
    private const int SourceLength = 500_000;
    private static readonly CollectionOptions Everything = new() { ForgetGrace = TimeSpan.Zero, MaxUnusedShare = 0 };

    private AgentFixture _fixture = null!;
    private RepositoryOpener _opener = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string RepositoryPath => Path.Combine(_fixture.Location, "plugins", "nodeagent");

    public async ValueTask InitializeAsync()
    {
        _fixture = await AgentFixture.StartAsync(startAgent: false);
        _opener = new RepositoryOpener(_fixture.Client, new AgentOptions { NodeName = AgentFixture.Node, Namespace = AgentFixture.System }, NullLogger.Instance);
        // Makes it.
        await (await OpenAsync()).DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _opener.DisposeAsync();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task Backups_and_restores_share_one_repository_and_one_opening_of_its_key()
    {
        // What costs a second and 64 MiB each time.
        await PutKeyAsync(null);
        await WipeAsync();
        await PutKeyAsync("repository-password", "static-passw0rd");
        await (await OpenAsync()).DisposeAsync();

        await using var first = await OpenAsync();
        await using var second = await OpenAsync(forWriting: false);
        Assert.Same(first.Repository, second.Repository);
        await first.DisposeAsync();
        await second.DisposeAsync();
        await using var third = await OpenAsync();
        Assert.Same(first.Repository, third.Repository);
    }

    [Fact]
    public async Task A_validated_location_is_the_one_that_it_was()
    {
        await using var first = await OpenAsync();
        await _fixture.Client.PatchStatusAsync(
            VeleroResources.BackupStorageLocations, AgentFixture.System, "default", new JsonObject { ["phase"] = "Available", ["lastValidationTime"] = "2026-01-31T12:00:00Z" }, null, Cancellation);
        await using var second = await OpenAsync();
        Assert.Same(first.Repository, second.Repository);
    }

    [Fact]
    public async Task A_changed_location_is_opened_where_it_is_now()
    {
        await using var first = await OpenAsync();
        await PatchLocationAsync(new JsonObject { ["objectStorage"] = new JsonObject { ["prefix"] = "elsewhere" } });
        // Makes the other one.
        await (await OpenAsync()).DisposeAsync();
        await using var second = await OpenAsync();
        Assert.Equal((RepositoryPath, Path.Combine(_fixture.Location, "elsewhere", "plugins", "nodeagent")), (first.Repository.Store.Location, second.Repository.Store.Location));
        await PatchLocationAsync(new JsonObject { ["accessMode"] = "ReadOnly" });
        Assert.Contains("read-only", (await Assert.ThrowsAsync<AgentException>(() => OpenAsync())).Message, StringComparison.Ordinal);
        await using var third = await OpenAsync(forWriting: false);
        Assert.Same(second.Repository, third.Repository);
    }

    [Fact]
    public async Task A_key_that_was_replaced_in_the_cluster_is_not_served_by_the_one_before()
    {
        await using var first = await OpenAsync();
        var key = (await _fixture.Client.GetAsync(KubernetesResources.Secrets, AgentFixture.System, KeySecret, Cancellation)).Json["data"]!["repository-key"]!.ToString();
        await PutKeyAsync("repository-key", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RepositorySecret.KeyLength)));
        Assert.Contains("does not open the repository", (await Assert.ThrowsAsync<AgentException>(() => OpenAsync())).Message, StringComparison.Ordinal);
        await PutKeyAsync(null);
        Assert.Contains("does not exist", (await Assert.ThrowsAsync<AgentException>(() => OpenAsync())).Message, StringComparison.Ordinal);
        await PutKeyAsync("repository-key", System.Text.Encoding.ASCII.GetString(Convert.FromBase64String(key)));
        await using var again = await OpenAsync();
        Assert.NotSame(first.Repository, again.Repository);
    }

    [Fact]
    public async Task A_key_that_was_removed_from_the_repository_opens_it_no_more()
    {
        await (await OpenAsync()).DisposeAsync();
        await using (var machine = await _fixture.OpenRepositoryAsync())
        {
            using var other = RepositorySecret.FromKey(RandomNumberGenerator.GetBytes(RepositorySecret.KeyLength));
            var keys = new RepositoryKeys(machine);
            var before = Assert.Single(await keys.ListAsync(Cancellation));
            await keys.AddAsync(other, "other", Cancellation);
            await keys.RemoveAsync([before.Id], evenInUse: true, Cancellation);
        }

        Assert.Contains("does not open the repository", (await Assert.ThrowsAsync<AgentException>(() => OpenAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_keys_that_were_rotated_are_those_of_the_next_run()
    {
        await using var first = await OpenAsync();
        await using (var machine = await _fixture.OpenRepositoryAsync()) await new RepositoryKeys(machine).RotateAsync([], dropOthers: false, Cancellation);
        await using var second = await OpenAsync();
        Assert.NotSame(first.Repository, second.Repository);
        await using var third = await OpenAsync();
        Assert.Same(second.Repository, third.Repository);
    }

    [Fact]
    public async Task A_repository_that_was_wiped_is_made_anew_by_a_backup_and_missed_by_a_restore()
    {
        await using var first = await OpenAsync();
        await WipeAsync();
        Assert.Contains("there is no repository", (await Assert.ThrowsAsync<AgentException>(() => OpenAsync(forWriting: false))).Message, StringComparison.Ordinal);
        await using var second = await OpenAsync();
        Assert.NotEqual(first.Repository.Config.Id, second.Repository.Config.Id);
    }

    [Fact]
    public async Task A_backup_over_a_repository_that_was_opened_before_a_prune_relies_on_nothing_that_is_gone()
    {
        var source = WriteSource();
        ChunkRepository repository;
        SnapshotId old;
        await using (var first = await OpenAsync())
        {
            repository = first.Repository;
            old = (await BackUpAsync(repository, source)).Id;
        }

        Assert.True(await PruneAsync(old) > 0);

        SnapshotId id;
        await using (var second = await OpenAsync())
        {
            // Else this test says nothing.
            Assert.Same(repository, second.Repository);
            var result = await BackUpAsync(second.Repository, source);
            id = result.Id;
            // All that is not so small that it is in the snapshot itself.
            Assert.Equal(SourceLength, result.Manifest.Stats.NewBytes);
        }

        await AssertRestoresAsync(id, source);
        // Once it is there again, it is stored no more.
        await using var third = await OpenAsync();
        Assert.Same(repository, third.Repository);
        Assert.Equal(0, (await BackUpAsync(third.Repository, source)).Manifest.Stats.NewBytes);
    }

    [Fact]
    public async Task A_backup_that_runs_through_a_prune_beside_another_one_publishes_nothing_that_lacks_data()
    {
        var source = WriteSource();
        await using var first = await OpenAsync();
        var old = (await BackUpAsync(first.Repository, source)).Id;
        SnapshotId? beside = null;
        // Its files are all looked up, and found, when this runs; it has published nothing yet.
        var pause = new AtTheEnd(() => Task.Run(async () =>
        {
            Assert.True(await PruneAsync(old) > 0);
            await using var second = await OpenAsync();
            Assert.Same(first.Repository, second.Repository);
            beside = (await BackUpAsync(second.Repository, source)).Id;
        }));
        SnapshotId? id = null;
        try
        {
            id = (await BackUpAsync(first.Repository, source, pause)).Id;
        }
        catch (SnapshotAbandonedException)
        {
            // As good: nothing was published, and the next one begins anew.
        }

        await AssertRestoresAsync(Assert.NotNull(beside), source);
        if (id is { } published) await AssertRestoresAsync(published, source);
        await using var repository = await _fixture.OpenRepositoryAsync();
        Assert.Equal(id is null ? 1 : 2, (await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Count);
    }

    [Fact]
    public async Task A_restore_over_a_repository_that_was_opened_before_a_prune_finds_what_was_moved()
    {
        var source = WriteSource();
        var more = WriteSource("more", 300_000);
        // Chunks go to either of two packs at random: with so many, half of each pack stays in use and is copied to another one, as a rule.
        for (var i = 0; i < 16; i++)
        {
            var file = Path.Combine(source, $"part-{i}");
            await File.WriteAllBytesAsync(file, RandomNumberGenerator.GetBytes(100_000), Cancellation);
            if (i % 2 == 0) File.Copy(file, Path.Combine(more, $"part-{i}"));
        }

        await using var first = await OpenAsync();
        var old = (await BackUpAsync(first.Repository, source)).Id;
        var kept = (await BackUpAsync(first.Repository, more)).Id;
        Assert.True(await PruneAsync(old) > 0);
        await using var second = await OpenAsync(forWriting: false);
        Assert.Same(first.Repository, second.Repository);
        await AssertRestoresAsync(second.Repository, kept, more);
    }

    [Fact]
    public async Task The_volumes_of_an_agent_are_backed_up_and_restored_over_a_repository_that_others_prune()
    {
        _fixture.StartAgent(concurrency: 4);
        var (pod, volume) = await _fixture.AddPodAsync();
        var content = RandomNumberGenerator.GetBytes(300_000);
        await File.WriteAllBytesAsync(Path.Combine(volume, "data"), content, Cancellation);
        var first = await _fixture.BackUpAsync(pod, "b1");
        Assert.True(SnapshotId.TryParse(first.Status("snapshotID"), out var old));
        Assert.True(await PruneAsync(old) > 0);
        var names = Enumerable.Range(0, 4).Select(i => $"at-once-{i}").ToList();
        foreach (var name in names) await _fixture.AskForBackupAsync(pod, name);
        foreach (var name in names)
        {
            var backup = await _fixture.WaitForEndAsync(VeleroResources.PodVolumeBackups, name);
            Assert.Equal((PodVolumePhase.Completed, ""), (backup.Phase(), backup.Status("message")));
            Assert.True(SnapshotId.TryParse(backup.Status("snapshotID"), out var id));
            await AssertRestoresAsync(id, volume);
        }
    }

    private Task<RepositoryLease> OpenAsync(bool forWriting = true) => _opener.OpenAsync("default", forWriting, Cancellation);

    private string WriteSource(string name = "source", int length = SourceLength)
    {
        var source = Directory.CreateDirectory(Path.Combine(_fixture.Outside, name)).FullName;
        File.WriteAllBytes(Path.Combine(source, "data"), RandomNumberGenerator.GetBytes(length));
        for (var i = 0; i < 20; i++) File.WriteAllText(Path.Combine(source, $"small-{i}"), $"{name} {i}");
        return source;
    }

    private static Task<BackupResult> BackUpAsync(ChunkRepository repository, string source, IProgress<RunProgress>? progress = null) => BackupRun.ExecuteAsync(
        repository, new BackupRequest { SourcePath = source, Source = new SnapshotSource { Kind = SnapshotSource.PodVolume, Path = source }, ForceReread = true }, progress, Cancellation);

    /// <summary>As maintenance does, in a process of its own: forgets a snapshot and deletes what no other uses. Returns the number of packs that went.</summary>
    private async Task<int> PruneAsync(SnapshotId id)
    {
        await using var repository = await _fixture.OpenRepositoryAsync();
        await new SnapshotCatalog(repository).ForgetAsync(id, null, Cancellation);
        return (await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation)).DeletedPacks;
    }

    private async Task AssertRestoresAsync(SnapshotId id, string source)
    {
        await using var repository = await _fixture.OpenRepositoryAsync();
        await AssertRestoresAsync(repository, id, source);
    }

    private async Task AssertRestoresAsync(ChunkRepository repository, SnapshotId id, string source)
    {
        var target = Path.Combine(_fixture.Outside, $"target-{Guid.NewGuid():n}");
        var snapshot = await new SnapshotCatalog(repository).GetAsync(id, Cancellation);
        var result = await RestoreRun.ExecuteAsync(repository, snapshot.Manifest, new RestoreRequest { TargetPath = target }, null, Cancellation);
        Assert.True(result.IsComplete, string.Join("; ", result.Issues));
        var names = Directory.GetFiles(source).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        Assert.NotEmpty(names);
        Assert.Equal(names, Directory.GetFiles(target).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var name in names) Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(source, name!), Cancellation), await File.ReadAllBytesAsync(Path.Combine(target, name!), Cancellation));
    }

    private Task WipeAsync() => Task.Run(() => Directory.Delete(RepositoryPath, recursive: true));

    private async Task PatchLocationAsync(JsonObject spec) => await _fixture.Client.PatchAsync(VeleroResources.BackupStorageLocations, AgentFixture.System, "default", new JsonObject { ["spec"] = spec }, Cancellation);

    /// <summary>Replaces the Secret with the repository's key; null removes it.</summary>
    private async Task PutKeyAsync(string? entry, string text = "")
    {
        await _fixture.Client.DeleteAsync(KubernetesResources.Secrets, AgentFixture.System, KeySecret, new Kubernetes.Api.DeleteOptions(), Cancellation);
        if (entry is null) return;
        var secret = new KubernetesObject(KubernetesResources.Secrets, AgentFixture.System, KeySecret);
        secret.Json["data"] = new JsonObject { [entry] = Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(text)) };
        await _fixture.Client.CreateAsync(KubernetesResources.Secrets, AgentFixture.System, secret, Cancellation);
    }

    /// <summary>Runs something once, when a backup has gone through all of its files, and holds the backup meanwhile.</summary>
    private sealed class AtTheEnd(Func<Task> work) : IProgress<RunProgress>
    {
        private bool _isDone;

        public void Report(RunProgress value)
        {
            if (_isDone || !value.TotalIsFinal || value.FilesDone < value.FilesTotal) return;
            _isDone = true;
            work().GetAwaiter().GetResult();
        }
    }
}
