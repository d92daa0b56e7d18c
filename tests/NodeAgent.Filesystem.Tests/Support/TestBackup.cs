using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A source directory and a repository beside it, in a temporary directory.</summary>
internal sealed class TestBackup : IAsyncDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private TestBackup(string root, ChunkRepository repository)
    {
        Root = root;
        Repository = repository;
        Source = Directory.CreateDirectory(Path.Combine(root, "source")).FullName;
    }

    public string Root { get; }

    public string Source { get; }

    public string Target => Path.Combine(Root, "target");

    public ChunkRepository Repository { get; }

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<TestBackup> CreateAsync(RepositoryParameters? parameters = null)
    {
        var root = Directory.CreateTempSubdirectory("nodeagent-test-").FullName;
        var repository = await ChunkRepository.InitializeAsync(
            new DirectoryStore(Path.Combine(root, "repository")), RepositorySecret.FromKey(Key), parameters ?? RepositoryParameters.Default, TimeProvider.System, Cancellation);
        return new TestBackup(root, repository);
    }

    public Task<BackupResult> RunAsync(Func<BackupRequest, BackupRequest>? change = null)
    {
        var request = new BackupRequest { SourcePath = Source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = Source }, Hostname = "test" };
        return BackupRun.ExecuteAsync(Repository, change?.Invoke(request) ?? request, null, Cancellation);
    }

    /// <summary>An entry of a snapshot by its path.</summary>
    public async Task<TreeEntry> FindAsync(SnapshotManifest manifest, string path)
    {
        using var reader = Repository.CreateReader();
        var tree = new TreeReader(reader.Source, Repository.Config.Parameters.Trees);
        return await tree.FindPathAsync(manifest.ReadRoot(), System.Text.Encoding.UTF8.GetBytes(path), Cancellation)
            ?? throw new InvalidOperationException($"{path} is not in the snapshot");
    }

    /// <summary>Runs a program and expects it to succeed.</summary>
    public static string Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error}");
    }

    public async ValueTask DisposeAsync()
    {
        await Repository.DisposeAsync();
        // Names that are not UTF-8 cannot be removed by the framework.
        Run("chmod", "-R", "u+rwX", Root);
        Run("rm", "-rf", "--", Root);
    }
}
