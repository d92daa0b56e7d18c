using System.Diagnostics;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>A repository with its key file and a source, in a directory of one test, and nodeagent run on them.</summary>
internal sealed class MachineRepository : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private MachineRepository()
    {
        KeyFile = Files.Write("key", Convert.ToHexStringLower(Key) + "\n");
        Directory.CreateDirectory(Source);
    }

    public TemporaryDirectory Files { get; } = new();

    public string Path => Files["repository"];

    public string KeyFile { get; }

    public string Source => Files["source"];

    public string Target => Files["target"];

    /// <summary>What says where the repository is and what opens it.</summary>
    public string[] Access => ["--repo", Path, "--key-file", KeyFile];

    public static async Task<MachineRepository> CreateAsync()
    {
        var made = new MachineRepository();
        await using var repository = await ChunkRepository.InitializeAsync(
            new DirectoryStore(made.Path), RepositorySecret.FromKey(Key), RepositoryParameters.Default, TimeProvider.System, TestContext.Current.CancellationToken);
        return made;
    }

    public Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(new CommandEnvironment(), arguments);

    public Task<CommandResult> RunAsync(CommandEnvironment environment, params string[] arguments) => NodeAgentProcess.RunAsync(environment, [.. arguments, .. Access]);

    /// <summary>Runs a command that is expected to succeed, with JSON output.</summary>
    public async Task<JsonNode> JsonAsync(params string[] arguments) => Parse((await RunAsync([.. arguments, "--output", "json"])).Expect(0));

    /// <summary>Backs up the source and returns the snapshot's id.</summary>
    public async Task<string> BackUpAsync() => (string)(await JsonAsync("snapshot", "create", Source))["snapshot"]!;

    /// <summary>Backs up without a process, for tests that need many snapshots.</summary>
    public async Task BackUpHereAsync(string source)
    {
        await using var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(Path), RepositorySecret.FromKey(Key), new RepositoryOpenOptions(), TestContext.Current.CancellationToken);
        var request = new BackupRequest { SourcePath = source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = source } };
        await BackupRun.ExecuteAsync(repository, request, null, TestContext.Current.CancellationToken);
    }

    /// <summary>Publishes snapshots of nothing with given times and labels, and returns their ids.</summary>
    public async Task<List<string>> PublishAsync(params IEnumerable<SnapshotManifest> manifests)
    {
        await using var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(Path), RepositorySecret.FromKey(Key), new RepositoryOpenOptions(), TestContext.Current.CancellationToken);
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), TestContext.Current.CancellationToken);
        var ids = new List<string>();
        foreach (var manifest in manifests) ids.Add((await session.PublishAsync(manifest.ToJson(), TestContext.Current.CancellationToken)).ToString());
        return ids;
    }

    /// <summary>A manifest of an empty directory.</summary>
    public static SnapshotManifest Manifest(DateTimeOffset time, string host = "host", string path = "/srv", params (string Key, string Value)[] tags) => new()
    {
        Time = time,
        Hostname = host,
        Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = path },
        Tags = tags.ToDictionary(tag => tag.Key, tag => tag.Value),
        Root = RootEntry.Encode(new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ED, Directory = EmptyDirectory.Instance }),
    };

    /// <summary>Standard output is one JSON value and nothing else.</summary>
    public static JsonNode Parse(CommandResult result) => JsonNode.Parse(result.Output) ?? throw new InvalidOperationException("the output is null");

    public void Put(string name, byte[] content)
    {
        var path = System.IO.Path.Combine(Source, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    /// <summary>Bytes that do not compress, the same in every run.</summary>
    public static byte[] Noise(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Objects of the repository below a prefix, the largest first.</summary>
    public List<string> Objects(string prefix) =>
        [.. Directory.EnumerateFiles(System.IO.Path.Combine(Path, prefix), "*", SearchOption.AllDirectories).OrderByDescending(file => new FileInfo(file).Length)];

    /// <summary>Runs a script of the shell in the test's directory.</summary>
    public string Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-ec", script]) { WorkingDirectory = Files.Path, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        return output;
    }

    /// <summary>Mounts a small tmpfs in the test's directory, or skips the test. It is gone with the result.</summary>
    public IDisposable MountOrSkip(string name, string size)
    {
        Directory.CreateDirectory(Files[name]);
        using var process = Process.Start(new ProcessStartInfo("mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", Files[name]]) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipUnless(process.ExitCode == 0, "a tmpfs cannot be mounted here: that takes root");
        return new Mounted(Files[name]);
    }

    public void Dispose() => Files.Dispose();

    private sealed class Mounted(string path) : IDisposable
    {
        public void Dispose()
        {
            using var process = Process.Start("umount", ["-l", path])!;
            process.WaitForExit();
        }
    }
}
