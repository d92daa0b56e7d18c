using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>A repository in a temporary directory, with a known key.</summary>
internal sealed class TestRepository : IDisposable
{
    public static readonly byte[] RawKey = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    /// <summary>Small chunks and packs, so that a little data makes many of each.</summary>
    public static readonly RepositoryParameters Small = RepositoryParameters.Default with { PackTarget = 64 << 10 };

    public string Root { get; } = Directory.CreateTempSubdirectory("nodeagent-test-").FullName;

    public static RepositorySecret Secret() => RepositorySecret.FromKey(RawKey);

    public Task<ChunkRepository> InitializeAsync(RepositoryParameters? parameters = null) =>
        ChunkRepository.InitializeAsync(new DirectoryStore(Root), Secret(), parameters ?? Small, TimeProvider.System, TestContext.Current.CancellationToken);

    public Task<ChunkRepository> OpenAsync() => OpenAsync(new DirectoryStore(Root));

    public static Task<ChunkRepository> OpenAsync(IObjectStore store) =>
        ChunkRepository.OpenAsync(store, Secret(), new RepositoryOpenOptions(), TestContext.Current.CancellationToken);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
