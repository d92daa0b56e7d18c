using System.Security.Cryptography;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>The repository of a location that is a directory, as agents would have filled it.</summary>
internal static class SampleRepository
{
    private const int FileLength = 200 << 10;

    public static string RootOf(string location) => Path.Combine(location, LocationProviders.RepositoryFolder);

    /// <summary>Two snapshots that share nothing, of several packs each. Answers their ids and the key.</summary>
    public static async Task<(string[] Ids, byte[] Key)> MakeAsync(string location)
    {
        var key = RandomNumberGenerator.GetBytes(RepositorySecret.KeyLength);
        using var secret = RepositorySecret.FromKey(key);
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(RootOf(location)), secret, SampleBackup.Parameters, TimeProvider.System, TestContext.Current.CancellationToken);
        var ids = new List<string>();
        foreach (var path in new[] { "/first", "/second" })
        {
            var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal) { ["file"] = RandomNumberGenerator.GetBytes(FileLength) };
            ids.Add($"{await SampleBackup.WriteAsync(repository, files, path: path)}");
        }

        return ([.. ids], key);
    }

    /// <summary>The ids of the snapshots that are not forgotten.</summary>
    public static async Task<IReadOnlyList<string>> ListAsync(string location, byte[] key)
    {
        await using var repository = await OpenAsync(location, key);
        return (await new SnapshotCatalog(repository).ListAsync(null, TestContext.Current.CancellationToken)).Select(s => $"{s.Id}").Order().ToList();
    }

    /// <summary>Forgets a snapshot, so long ago that its grace is over.</summary>
    public static async Task ForgetLongAgoAsync(string location, byte[] key, string id)
    {
        await using var repository = await OpenAsync(location, key);
        var marks = Path.Combine(RootOf(location), "forget");
        var before = Directory.Exists(marks) ? Directory.GetFiles(marks, "*", SearchOption.AllDirectories) : [];
        Assert.True(NodeAgent.Repository.Objects.SnapshotId.TryParse(id, out var snapshot));
        await new SnapshotCatalog(repository).ForgetAsync(snapshot, "the test wants it", TestContext.Current.CancellationToken);
        foreach (var mark in Directory.GetFiles(marks, "*", SearchOption.AllDirectories).Except(before)) File.SetLastWriteTimeUtc(mark, DateTime.UtcNow.AddDays(-3));
    }

    public static IReadOnlyList<string> Packs(string location) => [.. Directory.GetFiles(Path.Combine(RootOf(location), "data"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static async Task<ChunkRepository> OpenAsync(string location, byte[] key)
    {
        using var secret = RepositorySecret.FromKey(key);
        return await ChunkRepository.OpenAsync(new DirectoryStore(RootOf(location)), secret, new RepositoryOpenOptions(), TestContext.Current.CancellationToken);
    }
}
