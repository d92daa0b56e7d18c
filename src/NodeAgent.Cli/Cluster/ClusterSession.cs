using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>The connection of one command to one cluster and the server's namespace in it.</summary>
internal sealed class ClusterSession : IAsyncDisposable
{
    private ClusterSession(string @namespace) => Namespace = @namespace;

    public string Namespace { get; }

    public static Task<ClusterSession> ConnectAsync(ParseResult parse, CancellationToken cancellationToken) =>
        Task.FromResult(new ClusterSession(ClusterOptions.NamespaceOf(parse)));

    public Task<JsonObject?> FindAsync(VeleroKind kind, string name, CancellationToken cancellationToken) => Task.FromException<JsonObject?>(Unreachable());

    /// <exception cref="CommandException">It is not there (NotFound).</exception>
    public async Task<JsonObject> GetAsync(VeleroKind kind, string name, CancellationToken cancellationToken) =>
        await FindAsync(kind, name, cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: not found in namespace {Namespace} (see: kubectl -n {Namespace} get {kind.Plural})");

    public async Task<IReadOnlyList<JsonObject>> GetManyAsync(VeleroKind kind, string[] names, CancellationToken cancellationToken)
    {
        var resources = new List<JsonObject>(names.Length);
        foreach (var name in names)
            resources.Add(await GetAsync(kind, name, cancellationToken));
        return resources;
    }

    public Task<IReadOnlyList<JsonObject>> ListAsync(VeleroKind kind, string selector, CancellationToken cancellationToken) => Task.FromException<IReadOnlyList<JsonObject>>(Unreachable());

    public Task CreateAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken) => Task.FromException(Unreachable());

    public Task DeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken) => Task.FromException(Unreachable());

    public Task TryDeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken) => Task.FromException(Unreachable());

    public Task PatchAsync(VeleroKind kind, string name, JsonObject patch, CancellationToken cancellationToken) => Task.FromException(Unreachable());

    /// <summary>The backup location that holds the files of a backup or a restore; empty when that cannot be told.</summary>
    public async Task<string> StorageLocationOfAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        if (kind == VeleroKinds.Backup)
            return resource.Raw("spec", "storageLocation");
        return resource.Raw("spec", "backupName") is { Length: > 0 } name && await FindAsync(VeleroKinds.Backup, name, cancellationToken) is { } backup
            ? backup.Raw("spec", "storageLocation")
            : "";
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private CommandException Unreachable() => new(ExitCode.Failed, $"namespace {Namespace}: this build has no access to clusters");
}
