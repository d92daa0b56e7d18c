using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// What a backup takes of one type, read from the server in one go and kept in a temporary file until its turn comes. Reading and
/// taking are apart so that a list does not grow old while hooks run: the server forgets the state that a list shows after minutes.
/// </summary>
internal sealed class ResourceListing : IAsyncDisposable
{
    // A list that outlives its state again and again is at last read across states: in one piece it would be as large as the cluster, in memory.
    private const int MaxRestarts = 4;

    private readonly List<(string Name, long Offset, int Length)> _index = [];
    private readonly List<MalformedObject> _unreadable = [];
    private FileStream? _file;

    private ResourceListing()
    {
    }

    public int Count => _index.Count;

    /// <summary>Reads all objects of the namespaces, in which null stands for the whole cluster, that are wanted.</summary>
    /// <exception cref="ApiException">The server refuses the list, or fails again and again.</exception>
    /// <exception cref="HttpRequestException">The server does not answer.</exception>
    public static async Task<ResourceListing> ReadAsync(
        BackupScope scope, ResourceKind kind, IEnumerable<string?> namespaces, Func<JsonObject, bool> isWanted, CancellationToken cancellation)
    {
        var listing = new ResourceListing();
        try
        {
            foreach (var ns in namespaces)
            {
                await scope.Cluster.CarryAsync(
                    async () =>
                    {
                        await listing.ReadOneAsync(scope, kind, ns, isWanted, cancellation);
                        return true;
                    },
                    cancellation);
            }

            foreach (var (item, problem) in listing._unreadable) scope.Log.Error(item.Json.Namespace(), $"{kind.GroupResource} {item.Key}: it is not in the backup, since it cannot be read: {problem}");
            if (listing._file is { } file) await file.FlushAsync(cancellation);
            return listing;
        }
        catch
        {
            await listing.DisposeAsync();
            throw;
        }
    }

    /// <summary>Puts the named objects first, in the order of the names. Answers the names that are not there.</summary>
    public IReadOnlyList<string> Order(IReadOnlyList<string> first)
    {
        if (first.Count == 0) return [];
        var places = first.Select((name, place) => (name, place)).ToDictionary(p => p.name, p => p.place, StringComparer.Ordinal);
        var present = _index.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        // A stable sort: the others stay as they were.
        var ordered = _index.OrderBy(i => places.GetValueOrDefault(i.Name, int.MaxValue)).ToList();
        _index.Clear();
        _index.AddRange(ordered);
        return [.. first.Where(name => !present.Contains(name))];
    }

    public async IAsyncEnumerable<JsonObject> ItemsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (var i = 0; i < _index.Count; i++) yield return await ReadAsync(i, cancellation);
    }

    /// <summary>An object by its place in the order. Not for concurrent use.</summary>
    public async Task<JsonObject> ReadAsync(int place, CancellationToken cancellation)
    {
        var (_, offset, length) = _index[place];
        var content = new byte[length];
        _file!.Position = offset;
        await _file.ReadExactlyAsync(content, cancellation);
        return (JsonObject)KubernetesJson.Parse(content)!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_file is not null) await _file.DisposeAsync();
    }

    /// <summary>One list, in one state of the cluster where that can be had. What was read of a state that the server forgot meanwhile is dropped, so that no object comes twice.</summary>
    private async Task ReadOneAsync(BackupScope scope, ResourceKind kind, string? ns, Func<JsonObject, bool> isWanted, CancellationToken cancellation)
    {
        var (count, unreadable, length) = (_index.Count, _unreadable.Count, _file?.Length ?? 0);
        for (var restarts = 0; ;)
        {
            try
            {
                await foreach (var page in scope.Cluster.ListPagesAsync(kind, ns, mayMixStates: restarts >= MaxRestarts, cancellation))
                {
                    foreach (var item in page.Items.Select(i => i.Json).Where(isWanted)) await KeepAsync(scope, item, cancellation);
                    _unreadable.AddRange(page.Malformed.Where(m => isWanted(m.Item.Json)));
                }

                return;
            }
            catch (ApiException e) when (e.IsGone && restarts < MaxRestarts)
            {
                restarts++;
            }
            catch (Exception e) when (Outage.IsCauseOf(e))
            {
                Forget();
                throw;
            }

            Forget();
        }

        void Forget()
        {
            _index.RemoveRange(count, _index.Count - count);
            _unreadable.RemoveRange(unreadable, _unreadable.Count - unreadable);
            _file?.SetLength(length);
        }
    }

    private async Task KeepAsync(BackupScope scope, JsonObject item, CancellationToken cancellation)
    {
        _file ??= WorkFile.Create(scope.WorkDirectory);
        var content = Encoding.UTF8.GetBytes(item.ToJsonString());
        _file.Position = _file.Length;
        _index.Add((item.QualifiedName(), _file.Position, content.Length));
        await _file.WriteAsync(content, cancellation);
    }
}
