using System.Globalization;
using System.Security.Cryptography;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Agent.Tests.Volumes;

/// <summary>
/// What many small volumes, one after another, ask of the store: with a repository that stays open, and with one that is opened for each. Prints a table;
/// NODEAGENT_VOLUMES is their number.
/// </summary>
public sealed class RequestCountTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("requests-test-").FullName;
    private readonly int _volumes = int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_VOLUMES"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 12;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_index_and_the_keys_are_read_once_for_many_volumes()
    {
        // Closed with each run, as without a keep.
        var anew = await BackUpAllAsync("anew", TimeSpan.Zero);
        var kept = await BackUpAllAsync("kept", TimeSpan.FromMinutes(5));
        foreach (var request in anew.Keys.Union(kept.Keys).Order(StringComparer.Ordinal)) output.WriteLine($"{request,-20} {anew.GetValueOrDefault(request),7} {kept.GetValueOrDefault(request),7}");
        output.WriteLine($"{"all",-20} {anew.Values.Sum(),7} {kept.Values.Sum(),7}");

        // Each volume writes a segment, and each opening reads all that there are.
        Assert.Equal(_volumes * (_volumes - 1) / 2, anew["GET index"]);
        Assert.Equal(0, kept.GetValueOrDefault("GET index"));
        Assert.Equal((_volumes, 1), (anew["GET keys"], kept["GET keys"]));
        // What is asked for safety's sake is asked as before: which packs and segments there are, and what is being collected.
        foreach (var request in (string[])["LIST data", "LIST index", "LIST gc"]) Assert.InRange(kept[request], _volumes, anew[request]);
        Assert.InRange(kept.GetValueOrDefault("HEAD data"), 0, anew.GetValueOrDefault("HEAD data"));
        Assert.Equal(anew["PUT data"], kept["PUT data"]);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Backs up volumes of one small file each. Returns the requests, but for the making of the repository.</summary>
    private async Task<Dictionary<string, int>> BackUpAllAsync(string name, TimeSpan idle)
    {
        var root = Path.Combine(_directory, name);
        using var secret = RepositorySecret.FromKey(new byte[RepositorySecret.KeyLength]);
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), secret, new RepositoryParameters(), TimeProvider.System, Cancellation)).DisposeAsync();
        var requests = new Dictionary<string, int>();
        var sources = new SnapshotSourceCache();
        var stores = new List<CountingStore>();
        await using (var keep = new RepositoryKeep(idle, TimeProvider.System))
        {
            for (var i = 0; i < _volumes; i++)
            {
                var volume = Directory.CreateDirectory(Path.Combine(_directory, $"{name}-volume-{i}")).FullName;
                await File.WriteAllBytesAsync(Path.Combine(volume, "data"), RandomNumberGenerator.GetBytes(20_000), Cancellation);
                await using var lease = await keep.TakeAsync("default", "", IsCurrentAsync, OpenAsync, Cancellation);
                var request = new BackupRequest { SourcePath = volume, Source = new SnapshotSource { Kind = SnapshotSource.PodVolume, Path = volume, Namespace = "shop", Pod = $"web-{i}", Volume = "data" }, Sources = sources };
                await BackupRun.ExecuteAsync(lease.Repository, request, null, Cancellation);
            }
        }

        foreach (var (request, count) in stores.SelectMany(s => s.Requests)) requests[request] = requests.GetValueOrDefault(request) + count;
        return requests;

        static async Task<bool> IsCurrentAsync(KeptRepository kept) => kept.State == await OpeningState.ReadAsync(kept.Store, Cancellation);

        async Task<KeptRepository> OpenAsync()
        {
            var store = new CountingStore(root);
            stores.Add(store);
            var state = await OpeningState.ReadAsync(store, Cancellation);
            return new KeptRepository("default", "", state, store, await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { IndexCacheDirectory = null }, Cancellation));
        }
    }
}
