using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Backups;

/// <summary>Reads all types that a backup takes, several at once, and hands them over in the order in which they were asked for.</summary>
internal sealed class ResourceListings : IAsyncDisposable
{
    // The server's own limits of one client's requests begin somewhat above.
    private const int Parallel = 6;

    private readonly SemaphoreSlim _slots = new(Parallel);
    private readonly CancellationTokenSource _stop;
    private readonly List<(ResourceKind Kind, Task<ResourceListing> Listing)> _all;

    public ResourceListings(
        BackupScope scope, IEnumerable<ResourceKind> kinds, Func<ResourceKind, IEnumerable<string?>> namespacesOf, Func<ResourceKind, JsonObject, bool> isWanted, CancellationToken cancellation)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _all = [.. kinds.Select(k => (k, ReadAsync(scope, k, namespacesOf(k), item => isWanted(k, item), _stop.Token)))];
    }

    /// <summary>The types in order. Awaiting a listing fails as reading it did; it belongs to this object.</summary>
    public IReadOnlyList<(ResourceKind Kind, Task<ResourceListing> Listing)> All => _all;

    /// <summary>How many objects the types have that are read by now.</summary>
    public int Count => _all.Where(l => l.Listing.IsCompletedSuccessfully).Sum(l => l.Listing.Result.Count);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_all.Select(l => l.Listing)).ContinueWith(static _ => { }, TaskScheduler.Default);
        foreach (var (_, listing) in _all.Where(l => l.Listing.IsCompletedSuccessfully)) await listing.Result.DisposeAsync();
        _stop.Dispose();
        _slots.Dispose();
    }

    private async Task<ResourceListing> ReadAsync(BackupScope scope, ResourceKind kind, IEnumerable<string?> namespaces, Func<JsonObject, bool> isWanted, CancellationToken cancellation)
    {
        await _slots.WaitAsync(cancellation);
        try
        {
            return await ResourceListing.ReadAsync(scope, kind, namespaces, isWanted, cancellation);
        }
        finally
        {
            _slots.Release();
        }
    }
}
