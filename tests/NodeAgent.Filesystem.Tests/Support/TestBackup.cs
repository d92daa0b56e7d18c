using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A source directory and a repository beside it, in a temporary directory.</summary>
internal sealed class TestBackup : IAsyncDisposable
{
    /// <summary>Small packs, so that much is written while a run is still going on.</summary>
    public static readonly RepositoryParameters SmallPacks = RepositoryParameters.Default with { PackTarget = 1 << 20 };

    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private TestBackup(string root, WatchedStore store, ChunkRepository repository)
    {
        Root = root;
        Store = store;
        Repository = repository;
        Source = Directory.CreateDirectory(Path.Combine(root, "source")).FullName;
    }

    public string Root { get; }

    public string Source { get; }

    public string Target => Path.Combine(Root, "target");

    public WatchedStore Store { get; }

    public ChunkRepository Repository { get; }

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="parameters">Of the repository.</param>
    /// <param name="inMemory">Where there is a file system in memory, everything is on it: for tests that want many runs and no disk to wait for.</param>
    public static async Task<TestBackup> CreateAsync(RepositoryParameters? parameters = null, bool inMemory = false)
    {
        const string memory = "/dev/shm";
        var root = inMemory && Directory.Exists(memory)
            ? Directory.CreateDirectory(Path.Combine(memory, $"nodeagent-test-{Guid.NewGuid():N}")).FullName
            : Directory.CreateTempSubdirectory("nodeagent-test-").FullName;
        var store = new WatchedStore(new DirectoryStore(Path.Combine(root, "repository")));
        var repository = await ChunkRepository.InitializeAsync(
            store, RepositorySecret.FromKey(Key), parameters ?? RepositoryParameters.Default, TimeProvider.System, Cancellation);
        return new TestBackup(root, store, repository);
    }

    public string InSource(params string[] names) => Path.Combine([Source, .. names]);

    public string InTarget(params string[] names) => Path.Combine([Target, .. names]);

    public Task<BackupResult> RunAsync(Func<BackupRequest, BackupRequest>? change = null, CancellationToken? cancellation = null)
    {
        var request = new BackupRequest { SourcePath = Source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = Source }, Hostname = "test" };
        return BackupRun.ExecuteAsync(Repository, change?.Invoke(request) ?? request, null, cancellation ?? Cancellation);
    }

    public Task<RestoreResult> RestoreAsync(SnapshotManifest manifest, Func<RestoreRequest, RestoreRequest>? change = null, CancellationToken? cancellation = null)
    {
        var request = new RestoreRequest { TargetPath = Target };
        return RestoreRun.ExecuteAsync(Repository, manifest, change?.Invoke(request) ?? request, null, cancellation ?? Cancellation);
    }

    /// <summary>Acts once, before the first pack is written; writing it waits.</summary>
    public void OnFirstPack(Action act)
    {
        var done = 0;
        Store.BeforePut = key =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Exchange(ref done, 1) == 0) act();
            return Task.CompletedTask;
        };
    }

    /// <summary>Reads everything in the repository and expects no damage.</summary>
    public async Task CheckAsync()
    {
        await using var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(Path.Combine(Root, "repository")), RepositorySecret.FromKey(Key), new RepositoryOpenOptions(), Cancellation);
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.True(report.IsSound, string.Join('\n', report.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
    }

    /// <summary>Source and target are the same tree by find, stat and sha256sum: none of the product's code.</summary>
    public void ExpectSameTree()
    {
        const string describe = """
            cd "$1" && export LC_ALL=C
            find . -printf '%P|%y|%m|%U|%G|%n|%T@|%l|' \( -type f -printf '%s' -o -true \) -printf '\n' | sort
            find . -type f -print0 | sort -z | xargs -0 -r sha256sum
            find . -type f -links +1 -printf '%i\n' | sort | uniq -c | awk '{print $1}' | sort
            """;
        Assert.Equal(Run("sh", "-c", describe, "sh", Source), Run("sh", "-c", describe, "sh", Target));
    }

    /// <summary>An entry of a snapshot by its path.</summary>
    public async Task<TreeEntry> FindAsync(SnapshotManifest manifest, string path) =>
        await TryFindAsync(manifest, path) ?? throw new InvalidOperationException($"{path} is not in the snapshot");

    /// <summary>An entry of a snapshot by its path, or null.</summary>
    public async Task<TreeEntry?> TryFindAsync(SnapshotManifest manifest, string path)
    {
        using var reader = Repository.CreateReader();
        var tree = new TreeReader(reader.Source, Repository.Config.Parameters.Trees);
        return await tree.FindPathAsync(manifest.ReadRoot(), System.Text.Encoding.UTF8.GetBytes(path), Cancellation);
    }

    /// <summary>Runs a program and expects it to succeed.</summary>
    public static string Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error.Result}");
    }

    /// <summary>Runs a script of the shell in the source directory.</summary>
    public string Shell(string script) => Run("sh", "-c", $"cd \"$1\" && {{ {script}\n}}", "sh", Source);

    public async ValueTask DisposeAsync()
    {
        await Repository.DisposeAsync();
        // Names that are not UTF-8 cannot be removed by the framework.
        Run("sh", "-c", "lsattr -R -d \"$1\" >/dev/null 2>&1 && chattr -R -f -i -a \"$1\" >/dev/null 2>&1; chmod -R u+rwX \"$1\"; rm -rf -- \"$1\"", "sh", Root);
    }
}
