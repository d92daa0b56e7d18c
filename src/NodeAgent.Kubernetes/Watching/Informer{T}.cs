using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Watching;

/// <summary>
/// A copy of all objects of one kind that keeps up with the server, and tells handlers what changed. Objects in it are shared:
/// clone one before changing it. Reads are safe from any thread.
/// </summary>
/// <remarks>
/// 1. List all objects; what was known and is not in the list was deleted.
/// 2. Watch from the version of the list. Bookmarks move the version on when nothing changes.
/// 3. When the watch ends, breaks or falls silent, watch again from the last version seen.
/// 4. When the server no longer keeps that version, or watching keeps failing, start over at 1.
/// </remarks>
public sealed class Informer<T>
    where T : class
{
    // A version that cannot be watched from for another reason than its age shows as one failure after the other.
    private const int FailuresBeforeList = 4;

    // A server that ends watches as soon as they start must not be asked in a tight loop.
    private static readonly TimeSpan ShortestWatch = TimeSpan.FromSeconds(1);

    private readonly ApiClient _client;
    private readonly ResourceKind _kind;
    private readonly JsonTypeInfo<T> _type;
    private readonly Func<T, ObjectIdentity> _identity;
    private readonly InformerOptions _options;
    private readonly ObjectCache<T> _cache;
    private readonly List<Action<InformerEvent<T>>> _handlers = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Func<T, bool>? _keep;
    private int _started;

    internal Informer(ApiClient client, ResourceKind kind, JsonTypeInfo<T> type, Func<T, ObjectIdentity> identity, InformerOptions options)
    {
        _client = client;
        _kind = kind;
        _type = type;
        _identity = identity;
        _options = options;
        _cache = new ObjectCache<T>(identity);
    }

    /// <summary>True once all objects of the first list are in the cache and were handed to the handlers.</summary>
    public bool HasSynced => _synced.Task.IsCompletedSuccessfully;

    public Task WaitForSyncAsync(CancellationToken cancellation) => _synced.Task.WaitAsync(cancellation);

    /// <summary>Null when there is no such object. The namespace is null or empty for cluster-wide objects.</summary>
    public T? Get(string? ns, string name) => _cache.Get(new NamespacedName(ns ?? "", name));

    public T? Get(NamespacedName key) => _cache.Get(key);

    /// <summary>All objects at this moment, in no order.</summary>
    public IReadOnlyList<T> List() => _cache.List();

    /// <summary>The objects for which the index has this value.</summary>
    /// <exception cref="ArgumentException">There is no such index.</exception>
    public IReadOnlyList<T> Find(string index, string value) => _cache.Find(index, value);

    /// <summary>Adds a way to find objects; each may have any number of values. Before <see cref="RunAsync"/> only.</summary>
    public void AddIndex(string name, Func<T, IEnumerable<string>> values)
    {
        ThrowIfStarted();
        _cache.AddIndex(name, values);
    }

    /// <summary>
    /// Restricts the copy to what is wanted: other objects are dropped while they are read, and one that is wanted no more is told as deleted. Before
    /// <see cref="RunAsync"/> only.
    /// </summary>
    public void KeepOnly(Func<T, bool> isWanted)
    {
        ThrowIfStarted();
        _keep = isWanted;
    }

    /// <summary>
    /// Adds one who is told of changes, in their order and after the cache has them. It should only note what is to be done: while
    /// it runs, no further change is read. Before <see cref="RunAsync"/> only.
    /// </summary>
    public void AddHandler(Action<InformerEvent<T>> handler)
    {
        ThrowIfStarted();
        _handlers.Add(handler);
    }

    /// <summary>Keeps up with the server until cancelled. Failures are logged and tried again, without end.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0) throw new InvalidOperationException("an informer runs once");
        var (version, failures) = ("", 0);
        try
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                string reason;
                var started = _client.Time.GetTimestamp();
                var reached = version;
                try
                {
                    if (version.Length == 0) reached = version = await ListAsync(cancellation);
                    await foreach (var next in WatchAsync(version, cancellation)) (reached, failures) = (next, 0);
                    version = reached;
                    if (_client.Time.GetElapsedTime(started) >= ShortestWatch)
                    {
                        failures = 0;
                        continue;
                    }

                    reason = "the server ended it at once";
                }
                catch (ApiException e) when (e.IsGone && version.Length > 0)
                {
                    _options.Log.Expired(_kind.GroupResource, reached);
                    version = "";
                    // The first time at once; a server that cannot keep any version is not to be flooded with lists.
                    if (failures++ == 0) continue;
                    reason = e.Message;
                }
                catch (Exception e) when (e is ApiException or HttpRequestException or ClusterConfigException)
                {
                    reason = e.Message;
                    version = reached;
                }

                if (++failures % FailuresBeforeList == 0) version = "";
                var delay = Backoff(failures);
                _options.Log.WatchFailed(_kind.GroupResource, delay.TotalSeconds, reason);
                await Task.Delay(delay, _client.Time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The asked-for end.
        }
        finally
        {
            _synced.TrySetCanceled(CancellationToken.None);
        }
    }

    private async Task<string> ListAsync(CancellationToken cancellation)
    {
        var options = new ListOptions { LabelSelector = _options.LabelSelector, FieldSelector = _options.FieldSelector, PageSize = _options.PageSize };
        var list = await _client.ListAllAsync(_kind, _options.Namespace, options, _type, _keep, cancellation);
        Tell(_cache.Replace(list));
        foreach (var malformed in list.Malformed) Report(malformed);
        _options.Log.Listed(_kind.GroupResource, list.Items.Count, list.ResourceVersion);
        _synced.TrySetResult();
        return list.ResourceVersion;
    }

    /// <summary>The version that is reached with each event, until the watch ends or falls silent.</summary>
    private async IAsyncEnumerable<string> WatchAsync(string version, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var options = new WatchOptions
        {
            ResourceVersion = version,
            LabelSelector = _options.LabelSelector,
            FieldSelector = _options.FieldSelector,
            Timeout = _options.WatchTimeout * (1 + (_options.Random.NextDouble() / 2)),
        };
        using var silence = new CancellationTokenSource(_options.SilenceLimit, _client.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, silence.Token);
        await using var changes = _client.WatchAsync(_kind, _options.Namespace, options, _type, either.Token).GetAsyncEnumerator(either.Token);
        while (true)
        {
            try
            {
                if (!await changes.MoveNextAsync()) yield break;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                _options.Log.Silent(_kind.GroupResource, _options.SilenceLimit.TotalSeconds);
                yield break;
            }

            silence.CancelAfter(_options.SilenceLimit);
            Take(changes.Current);
            if (changes.Current.ResourceVersion.Length > 0) yield return changes.Current.ResourceVersion;
        }
    }

    private void Take(WatchEvent<T> change)
    {
        if (change.Malformed is { } malformed)
        {
            // What the cache has of it is out of date. It is not gone, though, so only a deletion is told as one.
            var gone = _cache.Remove(malformed.Item.Key, null);
            if (change.Type == WatchEventType.Deleted) Tell(gone);
            else Report(malformed);
            return;
        }

        if (change.Item is not { } item) return;
        Tell(change.Type == WatchEventType.Deleted || _keep?.Invoke(item) == false ? _cache.Remove(_identity(item).Key, item) : _cache.Put(item));
    }

    private void Tell(IReadOnlyList<InformerEvent<T>> events)
    {
        foreach (var change in events)
        {
            foreach (var handler in _handlers) Call(change.Key, () => handler(change));
        }
    }

    private void Report(MalformedObject malformed)
    {
        _options.Log.Malformed(_kind.GroupResource, malformed.Item.Key, malformed.Problem);
        if (_options.OnMalformed is { } handler) Call(malformed.Item.Key, () => handler(malformed));
    }

    private void Call(NamespacedName key, Action handler)
    {
        try
        {
            handler();
        }
        catch (Exception e)
        {
            // The top of a loop: one handler's mistake must not make the cache go stale for all others.
            _options.Log.HandlerFailed(_kind.GroupResource, key, e);
        }
    }

    private TimeSpan Backoff(int failures)
    {
        var delay = _options.MinBackoff * Math.Pow(2, Math.Min(failures - 1, 16));
        if (delay > _options.MaxBackoff) delay = _options.MaxBackoff;
        return delay * (0.5 + (_options.Random.NextDouble() / 2));
    }

    private void ThrowIfStarted()
    {
        if (Volatile.Read(ref _started) != 0) throw new InvalidOperationException("the informer runs already");
    }
}
