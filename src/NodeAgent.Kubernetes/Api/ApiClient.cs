using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Api;

/// <summary>
/// Requests to one API server. Each verb comes in two forms: for objects that stay JSON, and for types with their
/// <see cref="JsonTypeInfo{T}"/>. Safe for concurrent use.
/// </summary>
/// <remarks>
/// All methods throw <see cref="ApiException"/> when the server answers with an error, <see cref="HttpRequestException"/> when it
/// does not answer or its answer breaks off, and <see cref="ClusterConfigException"/> when credentials cannot be obtained. A busy
/// server and broken connections are tried again as <see cref="ApiClientOptions"/> says; creates and JSON patches whose answer
/// got lost are not, because they may have happened.
/// </remarks>
public sealed class ApiClient : IDisposable
{
    private const string MergePatch = "application/merge-patch+json";
    private const string JsonPatch = "application/json-patch+json";
    private const string ApplyPatch = "application/apply-patch+yaml";

    // A list is begun anew this often when its snapshot expires between two pages; the last time it is asked for in one piece.
    private const int MaxListRestarts = 2;

    // A page that is too long is asked for with so many times fewer objects, and one that is so many times shorter than it may be is followed by a larger one.
    private const int PageShrinkage = 8;
    private const int PageGrowth = 4;

    private readonly RequestSender _sender;
    private readonly ApiClientOptions _options;

    /// <param name="config">Where the server is and how to log in; the client does not keep it beyond the call.</param>
    public ApiClient(ClusterConfig config, ApiClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        _options = options ?? new ApiClientOptions();
        _sender = new RequestSender(config, _options);
        Discovery = new ApiDiscovery(_sender);
        DefaultNamespace = config.Namespace;
    }

    /// <summary>What the server serves.</summary>
    public ApiDiscovery Discovery { get; }

    /// <summary>Namespace of the context or of the pod; null when neither names one.</summary>
    public string? DefaultNamespace { get; }

    public TimeProvider Time => _options.Time;

    private static JsonTypeInfo<KubernetesObject> Untyped => KubernetesJsonContext.Default.KubernetesObject;

    public Task<KubernetesObject> GetAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        GetAsync(kind, ns, name, Untyped, cancellation);

    public Task<T> GetAsync<T>(ResourceKind kind, string? ns, string name, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        SendAsync(ApiRequest.Get(kind.ObjectPath(ns, name), ""), type, cancellation);

    /// <summary>The object, or null when there is none.</summary>
    public Task<KubernetesObject?> FindAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        FindAsync(kind, ns, name, Untyped, cancellation);

    /// <inheritdoc cref="FindAsync(ResourceKind, string?, string, CancellationToken)"/>
    public async Task<T?> FindAsync<T>(ResourceKind kind, string? ns, string name, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        // Names come from objects that users write.
        if (!ResourceKind.IsPossibleName(name)) return null;
        try
        {
            return await GetAsync(kind, ns, name, type, cancellation);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>
    /// One consistent list, page by page. Throws an <see cref="ApiException"/> that <see cref="ApiException.IsGone"/> when the
    /// snapshot expires before the last page was asked for, unless the options allow states to be mixed.
    /// </summary>
    public IAsyncEnumerable<ObjectPage<T>> ListPagesAsync<T>(ResourceKind kind, string? ns, ListOptions options, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        ListPagesAsync(kind, ns, options, type, null, cancellation);

    /// <summary>
    /// All objects as they come, a page in memory at a time. When the snapshot expires midway, the list goes on with the newest
    /// state: no object is seen twice, but one created or deleted meanwhile may or may not be seen.
    /// </summary>
    public IAsyncEnumerable<KubernetesObject> ListAsync(ResourceKind kind, string? ns, ListOptions options, CancellationToken cancellation) =>
        ListAsync(kind, ns, options, Untyped, cancellation);

    /// <inheritdoc cref="ListAsync(ResourceKind, string?, ListOptions, CancellationToken)"/>
    /// <remarks>An object that does not fit the type throws a <see cref="JsonException"/> that names it; <see cref="ListPagesAsync"/> hands it over instead.</remarks>
    public async IAsyncEnumerable<T> ListAsync<T>(
        ResourceKind kind, string? ns, ListOptions options, JsonTypeInfo<T> type, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(options);
        await foreach (var page in ListPagesAsync(kind, ns, options with { MayMixStates = true }, type, cancellation))
        {
            foreach (var item in page.Items) yield return item;
            if (page.Malformed is [var bad, ..]) throw new JsonException($"{kind.GroupResource} {bad.Item.Key}: {bad.Problem}");
        }
    }

    /// <summary>All objects of one consistent list, and the version that it shows. Begun anew when it expires midway.</summary>
    public Task<ObjectPage<T>> ListAllAsync<T>(ResourceKind kind, string? ns, ListOptions options, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        ListAllAsync(kind, ns, options, type, null, cancellation);

    /// <param name="keep">Which objects are wanted: the others are dropped while the list is read.</param>
    internal async Task<ObjectPage<T>> ListAllAsync<T>(
        ResourceKind kind, string? ns, ListOptions options, JsonTypeInfo<T> type, Func<T, bool>? keep, CancellationToken cancellation)
        where T : class
    {
        for (var restarts = 0; ; restarts++)
        {
            var items = new List<T>();
            var malformed = new List<MalformedObject>();
            var version = "";
            try
            {
                // A list that outlives its snapshot again and again is asked for in one piece at last. It is read as it comes, so that this costs
                // the memory of what is kept, as it does in pages.
                var asked = restarts < MaxListRestarts ? options : options with { PageSize = 0 };
                await foreach (var page in ListPagesAsync(kind, ns, asked, type, keep, cancellation))
                {
                    items.AddRange(page.Items);
                    malformed.AddRange(page.Malformed);
                    version = page.ResourceVersion;
                }

                return new ObjectPage<T>(items, malformed, version, "", 0);
            }
            catch (ApiException e) when (e.IsGone && restarts < MaxListRestarts)
            {
                // Begun anew: what was read so far belongs to no one state together with what follows.
            }
        }
    }

    public Task<KubernetesObject> CreateAsync(ResourceKind kind, string? ns, KubernetesObject obj, CancellationToken cancellation) =>
        CreateAsync(kind, ns, obj, Untyped, cancellation);

    public Task<T> CreateAsync<T>(ResourceKind kind, string? ns, T obj, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        SendAsync(new ApiRequest(HttpMethod.Post, kind.CollectionPath(ns), WriteQuery().ToString(), Body(obj, type), ApiRequest.Json, IsRepeatable: false), type, cancellation);

    /// <summary>Writes the whole object. Fields that the type does not know are lost: patch what others write too.</summary>
    public Task<KubernetesObject> ReplaceAsync(ResourceKind kind, string? ns, string name, KubernetesObject obj, CancellationToken cancellation) =>
        ReplaceAsync(kind, ns, name, obj, Untyped, null, cancellation);

    /// <inheritdoc cref="ReplaceAsync(ResourceKind, string?, string, KubernetesObject, CancellationToken)"/>
    public Task<T> ReplaceAsync<T>(ResourceKind kind, string? ns, string name, T obj, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        ReplaceAsync(kind, ns, name, obj, type, null, cancellation);

    public Task<KubernetesObject> ReplaceStatusAsync(ResourceKind kind, string? ns, string name, KubernetesObject obj, CancellationToken cancellation) =>
        ReplaceAsync(kind, ns, name, obj, Untyped, "status", cancellation);

    public Task<T> ReplaceStatusAsync<T>(ResourceKind kind, string? ns, string name, T obj, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        ReplaceAsync(kind, ns, name, obj, type, "status", cancellation);

    /// <summary>
    /// Merges (RFC 7396): what the patch has is set, what it has as null is removed, lists are replaced as a whole. With
    /// metadata.resourceVersion in the patch, it fails with a conflict when somebody else wrote since.
    /// </summary>
    public Task<KubernetesObject> PatchAsync(ResourceKind kind, string? ns, string name, JsonObject patch, CancellationToken cancellation) =>
        PatchAsync(kind, ns, name, patch, Untyped, null, cancellation);

    /// <inheritdoc cref="PatchAsync(ResourceKind, string?, string, JsonObject, CancellationToken)"/>
    /// <param name="subresource">The part of the object that is addressed, such as "scale"; null for the object itself.</param>
    public Task<T> PatchAsync<T>(
        ResourceKind kind, string? ns, string name, JsonObject patch, JsonTypeInfo<T> type, string? subresource, CancellationToken cancellation)
        where T : class =>
        SendPatchAsync(kind.ObjectPath(ns, name, subresource), patch, MergePatch, WriteQuery(), isRepeatable: true, type, cancellation);

    /// <summary>Applies the operations (RFC 6902) in their order, all or none.</summary>
    public Task<KubernetesObject> JsonPatchAsync(
        ResourceKind kind, string? ns, string name, JsonArray operations, string? subresource, CancellationToken cancellation) =>
        SendPatchAsync(kind.ObjectPath(ns, name, subresource), operations, JsonPatch, WriteQuery(), isRepeatable: false, Untyped, cancellation);

    /// <summary>
    /// Server-side apply: the object shall have these fields, and fields that this manager applied before and leaves out now are
    /// removed. Creates the object when there is none.
    /// </summary>
    /// <param name="force">Takes fields over from other managers instead of failing with a conflict.</param>
    public Task<KubernetesObject> ApplyAsync(
        ResourceKind kind, string? ns, string name, KubernetesObject obj, string fieldManager, bool force, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(obj);
        var query = new Query().Add("fieldManager", fieldManager).AddIf(force, "force");
        return SendPatchAsync(kind.ObjectPath(ns, name), obj.Json, ApplyPatch, query, isRepeatable: true, Untyped, cancellation);
    }

    /// <summary>
    /// Merges into the status. A definition without a status subresource, as Velero's own are, gets the same patch on the object
    /// itself.
    /// </summary>
    /// <param name="status">Content of the status field; null values remove fields.</param>
    /// <param name="resourceVersion">Fails with a conflict when the object is not this version any more; null writes in any case.</param>
    public Task<KubernetesObject> PatchStatusAsync(
        ResourceKind kind, string? ns, string name, JsonObject status, string? resourceVersion, CancellationToken cancellation) =>
        PatchStatusAsync(kind, ns, name, status, resourceVersion, Untyped, cancellation);

    /// <inheritdoc cref="PatchStatusAsync(ResourceKind, string?, string, JsonObject, string?, CancellationToken)"/>
    public async Task<T> PatchStatusAsync<T>(
        ResourceKind kind, string? ns, string name, JsonObject status, string? resourceVersion, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(status);
        var patch = new JsonObject { ["status"] = status.DeepClone() };
        if (resourceVersion is not null) patch["metadata"] = new JsonObject { ["resourceVersion"] = resourceVersion };
        try
        {
            return await PatchAsync(kind, ns, name, patch, type, "status", cancellation);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            // Either the object or only its subresource is missing: the object itself tells, whom it may be told.
            try
            {
                return await PatchAsync(kind, ns, name, patch, type, null, cancellation);
            }
            catch (ApiException refused) when (refused.IsForbidden)
            {
                ExceptionDispatchInfo.Throw(e);
                throw;
            }
        }
    }

    /// <summary>Deletes the object, or marks it as waiting for its finalizers. False when there was none.</summary>
    public async Task<bool> DeleteAsync(ResourceKind kind, string? ns, string name, DeleteOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            await _sender.SendAsync(DeleteRequest(kind.ObjectPath(ns, name), options, ""), cancellation);
            return true;
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>Deletes all objects that the selectors choose.</summary>
    public Task DeleteCollectionAsync(ResourceKind kind, string? ns, ListOptions which, DeleteOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(which);
        ArgumentNullException.ThrowIfNull(options);
        var query = new Query().Add("labelSelector", which.LabelSelector).Add("fieldSelector", which.FieldSelector);
        return _sender.SendAsync(DeleteRequest(kind.CollectionPath(ns), options, query.ToString()), cancellation);
    }

    /// <summary>
    /// Changes as they happen, until the server ends the watch, which it does after <see cref="WatchOptions.Timeout"/>. An error
    /// that the server sends, such as an expired version, is thrown as <see cref="ApiException"/>.
    /// </summary>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceKind kind, string? ns, WatchOptions options, JsonTypeInfo<T> type, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(options);
        var query = new Query().Add("watch", "true").Add("allowWatchBookmarks", "true")
            .Add("labelSelector", options.LabelSelector).Add("fieldSelector", options.FieldSelector)
            .Add("resourceVersion", options.ResourceVersion).Add("timeoutSeconds", (long)Math.Ceiling(options.Timeout.TotalSeconds));
        var request = ApiRequest.Get(kind.CollectionPath(ns), query.ToString());
        using var response = await _sender.OpenAsync(request, cancellation);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        await foreach (var change in WatchReader.ReadAsync(request, stream, new ObjectReader<T>(kind, type), cancellation)) yield return change;
    }

    public async Task<ServerVersion> GetServerVersionAsync(CancellationToken cancellation)
    {
        var request = ApiRequest.Get("version", "");
        var version = ParseObject(request, await _sender.SendAsync(request, cancellation));
        string Text(string name) => version[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        return new ServerVersion(Text("gitVersion"), Text("major"), Text("minor"), Text("platform"));
    }

    /// <summary>
    /// Runs a command in a container to its end and returns its exit code. Both streams are written as output arrives, belong to
    /// the caller and may be <see cref="Stream.Null"/>. While the server is away, busy or starting it is asked again until it lets the command begin or
    /// this is cancelled; a command that may have begun is never started a second time.
    /// </summary>
    /// <param name="container">Null for the pod's only container.</param>
    /// <exception cref="OperationCanceledException">Where the command was never let begin, its inner exception says what the server answered last.</exception>
    /// <exception cref="ApiException">The server refused, or the command could not be started.</exception>
    /// <exception cref="HttpRequestException">The connection ended before the command did; whether it goes on is not known.</exception>
    public Task<int> ExecAsync(
        string ns, string pod, string? container, IReadOnlyList<string> command, Stream stdout, Stream stderr, CancellationToken cancellation) =>
        new PodExec(_sender).RunAsync(ns, pod, container, command, stdout, stderr, cancellation);

    /// <summary>What a container printed. The caller disposes the stream, which ends a log that is followed.</summary>
    public async Task<Stream> OpenLogAsync(string ns, string pod, LogOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        var query = new Query().Add("container", options.Container).AddIf(options.Follow, "follow").AddIf(options.Previous, "previous")
            .AddIf(options.Timestamps, "timestamps").Add("tailLines", options.TailLines).Add("sinceSeconds", (long?)options.Since?.TotalSeconds);
        var response = await _sender.OpenAsync(ApiRequest.Get(KubernetesResources.Pods.ObjectPath(ns, pod, "log"), query.ToString()), cancellation);
        // The content's stream holds the connection; disposing the response beyond it releases nothing more.
        return await response.Content.ReadAsStreamAsync(cancellation);
    }

    /// <summary>What a service of the cluster answers to a GET that the API server passes on. The caller disposes the stream.</summary>
    /// <param name="ns">The service's namespace.</param>
    /// <param name="service">Its name.</param>
    /// <param name="port">One of its ports, by number or name.</param>
    /// <param name="path">Path and query, beginning with a slash.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ApiException">The service, or the API server in its place, answers with an error.</exception>
    public async Task<Stream> OpenServiceAsync(string ns, string service, string port, string path, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(path);
        var query = path.IndexOf('?', StringComparison.Ordinal);
        var target = KubernetesResources.Services.ObjectPath(ns, $"http:{service}:{port}", "proxy") + (query < 0 ? path : path[..query]);
        var response = await _sender.OpenAsync(ApiRequest.Get(target, query < 0 ? "" : path[(query + 1)..]), cancellation);
        return await response.Content.ReadAsStreamAsync(cancellation);
    }

    public void Dispose() => _sender.Dispose();

    internal static JsonObject ParseObject(ApiRequest request, ReadOnlySpan<byte> body)
    {
        try
        {
            return KubernetesJson.Parse(body) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException e)
        {
            throw Invalid(request, e);
        }
    }

    private static HttpRequestException Invalid(ApiRequest request, JsonException cause) =>
        new(HttpRequestError.InvalidResponse, $"{request}: the answer cannot be read: {OneLine.Of(cause.Message)}", cause);

    private static byte[] Body<T>(T obj, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(obj, type);

    private static ApiRequest DeleteRequest(string path, DeleteOptions options, string query) =>
        new(HttpMethod.Delete, path, query, Body(options.ToJson(), KubernetesJsonContext.Default.JsonObject), ApiRequest.Json, IsRepeatable: true);

    private Query WriteQuery() => new Query().Add("fieldManager", _options.FieldManager);

    private Task<T> ReplaceAsync<T>(ResourceKind kind, string? ns, string name, T obj, JsonTypeInfo<T> type, string? subresource, CancellationToken cancellation)
        where T : class =>
        SendAsync(
            new ApiRequest(HttpMethod.Put, kind.ObjectPath(ns, name, subresource), WriteQuery().ToString(), Body(obj, type), ApiRequest.Json, IsRepeatable: true),
            type, cancellation);

    private Task<T> SendPatchAsync<T>(
        string path, JsonNode patch, string mediaType, Query query, bool isRepeatable, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        var body = Body(patch, KubernetesJsonContext.Default.JsonNode);
        return SendAsync(new ApiRequest(HttpMethod.Patch, path, query.ToString(), body, mediaType, isRepeatable), type, cancellation);
    }

    private async Task<T> SendAsync<T>(ApiRequest request, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        var body = await _sender.SendAsync(request, cancellation);
        try
        {
            return JsonSerializer.Deserialize(body, type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw Invalid(request, e);
        }
    }

    private async IAsyncEnumerable<ObjectPage<T>> ListPagesAsync<T>(
        ResourceKind kind, string? ns, ListOptions options, JsonTypeInfo<T> type, Func<T, bool>? keep, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(options);
        var next = "";
        var limit = options.PageSize;
        do
        {
            ObjectPage<T> page;
            try
            {
                (page, var bytes, limit) = await PageAsync(kind, ns, options, next, limit, type, keep, cancellation);
                // Where large objects came together, small ones may follow.
                if (bytes < options.PageBytes / PageGrowth) limit = Math.Min(limit * 2, options.PageSize);
            }
            catch (ApiException e) when (options.MayMixStates && e.IsGone && next.Length > 0 && e.ContinueToken is { } newest && newest != next)
            {
                next = newest;
                continue;
            }

            yield return page;
            next = page.Continue;
        }
        while (next.Length > 0);
    }

    /// <summary>One page, the bytes of its objects, and how many objects were asked for: fewer than the limit when so many are too long.</summary>
    private async Task<(ObjectPage<T> Page, long Bytes, int Limit)> PageAsync<T>(
        ResourceKind kind, string? ns, ListOptions options, string next, int limit, JsonTypeInfo<T> type, Func<T, bool>? keep, CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(kind);
        while (true)
        {
            // A list out of the server's cache has no pages.
            var isPaged = limit > 0 && !options.FromCache;
            var query = new Query().Add("limit", isPaged ? limit : null).Add("continue", next)
                .Add("labelSelector", options.LabelSelector).Add("fieldSelector", options.FieldSelector).Add("resourceVersion", options.FromCache ? "0" : null);
            var request = ApiRequest.Get(kind.CollectionPath(ns), query.ToString()) with { Accept = options.MetadataOnly ? ApiRequest.MetadataList : ApiRequest.Json };
            try
            {
                var most = isPaged && limit > 1 ? options.PageBytes : long.MaxValue;
                var answer = await _sender.SendAsync(request, (body, token) => new PageReader<T>(new ObjectReader<T>(kind, type), keep, most).ReadAsync(body, token), cancellation);
                if (answer is var (page, bytes)) return (page, bytes, limit);
            }
            catch (JsonException e)
            {
                throw Invalid(request, e);
            }

            limit = Math.Max(1, limit / PageShrinkage);
        }
    }
}
