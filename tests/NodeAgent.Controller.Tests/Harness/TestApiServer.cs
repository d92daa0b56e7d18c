using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>
/// An API server over real HTTP with what the controller uses: discovery, paged lists, watch, create, merge patch, status
/// subresource, delete. It keeps objects as JSON and has no admission.
/// </summary>
internal sealed class TestApiServer : IAsyncDisposable
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 990 };

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, JsonObject> _objects = new(StringComparer.Ordinal);
    private readonly List<Channel<(string Collection, string Line)>> _watchers = [];
    private readonly List<(long Version, string Collection, string Line)> _history = [];
    private readonly List<ResourceKind> _kinds;
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stop = new();
    private long _version = 1;
    private readonly ConcurrentDictionary<string, int> _refused = new(StringComparer.Ordinal);
    private int _requests;
    private int _podLists;

    private TestApiServer(WebApplication app, IEnumerable<ResourceKind> extra)
    {
        _app = app;
        _kinds =
        [
            .. VeleroResources.All, KubernetesResources.Pods, KubernetesResources.PersistentVolumeClaims, KubernetesResources.PersistentVolumes, KubernetesResources.Namespaces,
            KubernetesResources.ServiceAccounts, KubernetesResources.Leases, KubernetesResources.Events, KubernetesResources.CustomResourceDefinitions, WellKnownTestKinds.ConfigMaps, WellKnownTestKinds.Secrets,
            WellKnownTestKinds.Services, WellKnownTestKinds.Deployments, WellKnownTestKinds.Jobs, WellKnownTestKinds.Nodes, WellKnownTestKinds.ClusterRoles,
            WellKnownTestKinds.ClusterRoleBindings, .. extra,
        ];
    }

    public Uri Address { get; private set; } = null!;

    /// <summary>Whether the velero.io definitions have a status subresource; Velero's own have none.</summary>
    public bool HasStatusSubresource { get; init; } = true;

    /// <summary>Most objects of one page, whatever limit was asked for.</summary>
    public int MaxPage { get; set; } = 3;

    /// <summary>Every how many-th request is refused as if the server were overloaded, but none more than twice in a row; 0 for none.</summary>
    public int RefuseEvery { get; set; }

    /// <summary>Group of which the server does not say what it serves, as when an aggregated server is down.</summary>
    public string? SilentGroup { get; set; }

    /// <summary>Requests, as "METHOD /path", that the server answers with an error of its own.</summary>
    public ConcurrentDictionary<string, bool> Faults { get; } = new();

    /// <summary>Asked about each request before it is looked at: an answer is given in place of the server's own.</summary>
    public Func<HttpRequest, (HttpStatusCode Status, string Reason)?>? Interfere { get; set; }

    /// <summary>Awaited between the moment at which a request for one object is carried out and its answer, which is of that moment.</summary>
    public Func<HttpRequest, Task>? Delay { get; set; }

    /// <summary>How a continuation begins that goes on with the newest state, in place of that of the list's beginning.</summary>
    public const string NewestState = "newest";

    /// <summary>Objects, by their names, that are left out of lists of what the server remembers, as in a replica that lags behind its store.</summary>
    public ConcurrentDictionary<string, bool> NotRemembered { get; } = new();

    /// <summary>How many lists of all pods of the cluster were begun.</summary>
    public int Looks() => Volatile.Read(ref _podLists);

    /// <summary>Everything that was written, as "METHOD path", in order.</summary>
    public ConcurrentQueue<string> Writes { get; } = new();

    public static async Task<TestApiServer> StartAsync(bool hasStatusSubresource = true, params ResourceKind[] extra)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new TestApiServer(app, extra) { HasStatusSubresource = hasStatusSubresource };
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/");
        return server;
    }

    public ClusterConfig Config => ClusterConfig.ForServer(Address);

    /// <summary>Adds an object as if it had been created; answers it as stored.</summary>
    public JsonObject Add(ResourceKind kind, string json)
    {
        var item = (JsonObject)JsonNode.Parse(json, null, Deep)!;
        lock (_gate) return (JsonObject)Store(kind, item, "ADDED").DeepClone();
    }

    /// <summary>Serves further resources; to be called before anybody asks.</summary>
    public void ServeAlso(params ResourceKind[] more) => _kinds.AddRange(more);

    /// <summary>Serves a resource differently from now on, as after an upgrade.</summary>
    public void Serve(ResourceKind changed) => _kinds[_kinds.FindIndex(k => k.GroupResource == changed.GroupResource)] = changed;

    /// <summary>Serves further resources, or further versions of those that it serves, behind the others.</summary>
    public void ServeMore(params ResourceKind[] kinds) => _kinds.AddRange(kinds.Except(_kinds).ToList());

    public JsonObject? Find(ResourceKind kind, string? ns, string name)
    {
        lock (_gate) return _objects.TryGetValue(Key(kind, ns ?? "", name), out var found) ? (JsonObject)found.DeepClone() : null;
    }

    public IReadOnlyList<JsonObject> All(ResourceKind kind)
    {
        lock (_gate) return [.. _objects.Where(o => o.Key.StartsWith(kind.GroupResource + "|", StringComparison.Ordinal)).Select(o => (JsonObject)o.Value.DeepClone())];
    }

    public void Remove(ResourceKind kind, string? ns, string name)
    {
        lock (_gate) DeleteStored(kind, Key(kind, ns ?? "", name));
    }

    /// <summary>Merges fields into a stored object.</summary>
    public void Patch(ResourceKind kind, string? ns, string name, string patch)
    {
        if (!TryPatch(kind, ns, name, patch)) throw new KeyNotFoundException($"there is no {kind.GroupResource} {ns}/{name}");
    }

    /// <summary>The same for whoever patches what others may delete meanwhile; false when it is gone.</summary>
    public bool TryPatch(ResourceKind kind, string? ns, string name, string patch)
    {
        lock (_gate)
        {
            if (!_objects.TryGetValue(Key(kind, ns ?? "", name), out var stored)) return false;
            Store(kind, (JsonObject)Merge(stored.DeepClone(), JsonNode.Parse(patch))!, "MODIFIED");
            return true;
        }
    }

    /// <summary>Ends all watches that are open, as a server that is restarted does.</summary>
    public void BreakWatches()
    {
        lock (_gate)
        {
            foreach (var watcher in _watchers) watcher.Writer.TryComplete();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _stop.Dispose();
    }

    private static string Key(ResourceKind kind, string ns, string name) => $"{kind.GroupResource}|{ns}|{name}";

    private static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();
        var result = target as JsonObject ?? [];
        foreach (var (name, value) in changes)
        {
            if (value is null) result.Remove(name);
            else result[name] = Merge(result[name]?.DeepClone(), value);
        }

        return result;
    }

    private static bool Selected(JsonObject item, string selector) => selector.Split(',', StringSplitOptions.RemoveEmptyEntries).All(part =>
    {
        var at = part.IndexOf('=', StringComparison.Ordinal);
        // A name alone asks for those that have the label, whatever it says.
        return at < 0 ? item.Label(part) is not null : item.Label(part[..at]) == part[(at + 1)..].TrimStart('=');
    });

    private static async Task AnswerAsync(HttpContext context, JsonNode body, HttpStatusCode status = HttpStatusCode.OK)
    {
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString());
    }

    private static Task RefuseAsync(HttpContext context, HttpStatusCode status, string reason, string message)
    {
        var answer = new JsonObject { ["kind"] = "Status", ["status"] = "Failure", ["reason"] = reason, ["message"] = message, ["code"] = (int)status };
        // As the real server does, one that has forgotten the state of a list offers to go on with the newest.
        if (status == HttpStatusCode.Gone && context.Request.Query["continue"].ToString().Split('|', 2) is [_, var last]) answer["metadata"] = new JsonObject { ["continue"] = $"{NewestState}|{last}" };
        return AnswerAsync(context, answer, status);
    }

    private bool IsRefused(string request)
    {
        // Requests that are made at the same time would else meet the unlucky number again and again by chance.
        var isTurn = Interlocked.Increment(ref _requests) % RefuseEvery == 0;
        return _refused.AddOrUpdate(request, isTurn ? 1 : 0, (_, inARow) => isTurn && inARow < 2 ? inARow + 1 : 0) > 0;
    }

    private JsonObject Store(ResourceKind kind, JsonObject item, string change)
    {
        item["apiVersion"] = kind.ApiVersion;
        item["kind"] = kind.Kind;
        var metadata = item.Child("metadata");
        if (item.Text("metadata", "generateName") is { } prefix && item.Name().Length == 0) metadata["name"] = prefix + $"{Interlocked.Increment(ref _version):x5}";
        if (item.Uid().Length == 0) metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] ??= ApiTimeConverter.Format(DateTimeOffset.UtcNow);
        metadata["resourceVersion"] = $"{Interlocked.Increment(ref _version)}";
        _objects[Key(kind, item.Namespace(), item.Name())] = item;
        Publish(kind, change, item);
        return item;
    }

    private void DeleteStored(ResourceKind kind, string key)
    {
        if (!_objects.Remove(key, out var item)) return;
        var last = (JsonObject)item.DeepClone();
        last.Child("metadata")["resourceVersion"] = $"{Interlocked.Increment(ref _version)}";
        Publish(kind, "DELETED", last);
    }

    private void Publish(ResourceKind kind, string change, JsonObject item)
    {
        var line = new JsonObject { ["type"] = change, ["object"] = item.DeepClone() }.ToJsonString();
        _history.Add((_version, kind.GroupResource, line));
        foreach (var watcher in _watchers) watcher.Writer.TryWrite((kind.GroupResource, line));
    }

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!.Trim('/');
        // Asked by a client that was refused: this server is never just starting.
        if (path == "readyz") return;
        if (RefuseEvery > 0 && IsRefused($"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}"))
        {
            await RefuseAsync(context, HttpStatusCode.TooManyRequests, "TooManyRequests", "try again");
            return;
        }

        if (Faults.ContainsKey($"{context.Request.Method} {context.Request.Path}") && context.Request.Query["watch"] != "true")
        {
            await RefuseAsync(context, HttpStatusCode.InternalServerError, "InternalError", "etcd is full");
            return;
        }

        if (Interfere?.Invoke(context.Request) is { } disturbance)
        {
            await RefuseAsync(context, disturbance.Status, disturbance.Reason, "the test wants it so");
            return;
        }

        var parts = path.Split('/');
        if (path == "version")
        {
            await AnswerAsync(context, new JsonObject { ["gitVersion"] = "v1.31.0", ["major"] = "1", ["minor"] = "31" });
            return;
        }

        if (path == "api")
        {
            await AnswerAsync(context, new JsonObject { ["versions"] = new JsonArray("v1") });
            return;
        }

        if (path == "apis")
        {
            var groups = _kinds.Where(k => k.Group.Length > 0).GroupBy(k => k.Group).Select(g => (JsonNode)new JsonObject
            {
                ["name"] = g.Key,
                ["versions"] = new JsonArray([.. g.Select(k => k.Version).Distinct().Select(v => (JsonNode)new JsonObject { ["version"] = v })]),
                ["preferredVersion"] = new JsonObject { ["version"] = g.First().Version },
            });
            await AnswerAsync(context, new JsonObject { ["groups"] = new JsonArray([.. groups]) });
            return;
        }

        var core = parts[0] == "api";
        var group = core ? "" : parts[1];
        var rest = parts[(core ? 2 : 3)..];
        var version = parts[core ? 1 : 2];
        if (rest.Length == 0 && group == SilentGroup)
        {
            await RefuseAsync(context, HttpStatusCode.Forbidden, "Forbidden", "not now");
            return;
        }

        if (rest.Length == 0)
        {
            await AnswerAsync(context, new JsonObject { ["resources"] = new JsonArray([.. _kinds.Where(k => k.Group == group && k.Version == version).Select(Describe)]) });
            return;
        }

        var ns = "";
        if (rest[0] == "namespaces" && rest.Length > 2)
        {
            ns = rest[1];
            rest = rest[2..];
        }

        var kind = _kinds.FirstOrDefault(k => k.Group == group && k.Version == version && k.Plural == rest[0]);
        if (kind is null) await RefuseAsync(context, HttpStatusCode.NotFound, "NotFound", "the server could not find the requested resource");
        else await HandleAsync(context, kind, ns, rest.Length > 1 ? rest[1] : null, rest.Length > 2 ? rest[2] : null);
    }

    private static bool HasFinalizers(JsonObject item) => item.At("metadata", "finalizers") is JsonArray { Count: > 0 };

    private static JsonNode Describe(ResourceKind kind) => new JsonObject
    {
        ["name"] = kind.Plural,
        ["singularName"] = kind.Kind.ToLowerInvariant(),
        ["kind"] = kind.Kind,
        ["namespaced"] = kind.Namespaced,
        ["verbs"] = new JsonArray("create", "delete", "get", "list", "patch", "update", "watch"),
    };

    private async Task HandleAsync(HttpContext context, ResourceKind kind, string ns, string? name, string? subresource)
    {
        if (!HttpMethods.IsGet(context.Request.Method)) Writes.Enqueue($"{context.Request.Method} {context.Request.Path}");
        JsonNode? body = null;
        if (context.Request.ContentLength > 0) body = await JsonNode.ParseAsync(context.Request.Body, null, Deep);
        if (name is null && HttpMethods.IsGet(context.Request.Method))
        {
            if (context.Request.Query["watch"] == "true") await WatchAsync(context, kind, ns);
            else await ListAsync(context, kind, ns);
            return;
        }

        JsonObject? answer = null;
        (HttpStatusCode Status, string Reason)? refusal = null;
        lock (_gate)
        {
            var key = Key(kind, ns, name ?? body.Text("metadata", "name") ?? "");
            var exists = _objects.TryGetValue(key, out var stored);
            switch (context.Request.Method)
            {
                case "POST" when exists:
                    refusal = (HttpStatusCode.Conflict, "AlreadyExists");
                    break;
                case "POST" when kind.Namespaced && !_objects.ContainsKey(Key(KubernetesResources.Namespaces, "", ns)):
                    refusal = (HttpStatusCode.NotFound, "NotFound");
                    break;
                case "POST":
                    var created = (JsonObject)body!;
                    if (kind.Namespaced) created.Child("metadata")["namespace"] = ns;
                    if (kind.Group == VeleroResources.Group && HasStatusSubresource) created.Remove("status");
                    answer = Store(kind, created, "ADDED");
                    break;
                case var _ when !exists || (subresource == "status" && kind.Group == VeleroResources.Group && !HasStatusSubresource):
                    refusal = (HttpStatusCode.NotFound, "NotFound");
                    break;
                case "PATCH" when body.Text("metadata", "resourceVersion") is { } wanted && wanted != stored!.Text("metadata", "resourceVersion"):
                    refusal = (HttpStatusCode.Conflict, "Conflict");
                    break;
                case "PATCH":
                    var patch = (JsonObject)body!;
                    // A subresource takes the status alone, and the object without it ignores the status.
                    if (subresource == "status") patch = new JsonObject { ["status"] = patch["status"]?.DeepClone() };
                    else if (kind.Group == VeleroResources.Group && HasStatusSubresource) patch.Remove("status");
                    answer = Store(kind, (JsonObject)Merge(stored!.DeepClone(), patch)!, "MODIFIED");
                    if (answer.Text("metadata", "deletionTimestamp") is not null && !HasFinalizers(answer)) DeleteStored(kind, key);
                    break;
                case "DELETE" when HasFinalizers(stored!):
                    stored = (JsonObject)stored!.DeepClone();
                    stored.Child("metadata")["deletionTimestamp"] = ApiTimeConverter.Format(DateTimeOffset.UtcNow);
                    answer = Store(kind, stored, "MODIFIED");
                    break;
                case "DELETE":
                    answer = stored;
                    DeleteStored(kind, key);
                    break;
                default:
                    answer = stored;
                    break;
            }

            answer = (JsonObject?)answer?.DeepClone();
        }

        if (Delay?.Invoke(context.Request) is { } delay) await delay;
        if (refusal is { } r) await RefuseAsync(context, r.Status, r.Reason, $"{kind.GroupResource} \"{name}\": {r.Reason}");
        else await AnswerAsync(context, answer!, HttpMethods.IsPost(context.Request.Method) ? HttpStatusCode.Created : HttpStatusCode.OK);
    }

    private async Task ListAsync(HttpContext context, ResourceKind kind, string ns)
    {
        var selector = context.Request.Query["labelSelector"].ToString();
        if (kind == KubernetesResources.Pods && ns.Length == 0 && !context.Request.Query.ContainsKey("continue")) Interlocked.Increment(ref _podLists);
        // Pages go on behind the last object of the one before, at its version: what changes meanwhile comes with a watch from there.
        var token = context.Request.Query["continue"].ToString().Split('|', 2);
        string version;
        List<JsonObject> rest;
        lock (_gate)
        {
            version = token is [var begun, _] ? begun : $"{_version}";
            rest = [.. All(kind).Where(o => (ns.Length == 0 || o.Namespace() == ns) && Selected(o, selector))
                .Where(o => token is not [_, var last] || string.CompareOrdinal(Key(kind, o.Namespace(), o.Name()), last) > 0)];
        }

        if (context.Request.Query["resourceVersion"] == "0") rest.RemoveAll(o => NotRemembered.ContainsKey(o.Name()));
        var page = rest.Take(MaxPage).ToList();
        // As the real server does, items of a list do not repeat their kind.
        foreach (var item in page)
        {
            item.Remove("apiVersion");
            item.Remove("kind");
        }

        var metadata = new JsonObject { ["resourceVersion"] = version };
        if (page.Count < rest.Count) metadata["continue"] = $"{version}|{Key(kind, page[^1].Namespace(), page[^1].Name())}";
        await AnswerAsync(context, new JsonObject { ["kind"] = kind.Kind + "List", ["apiVersion"] = kind.ApiVersion, ["metadata"] = metadata, ["items"] = new JsonArray([.. page]) });
    }

    private async Task WatchAsync(HttpContext context, ResourceKind kind, string ns)
    {
        // 10,000 short lines: more changes than any test makes.
        var channel = Channel.CreateBounded<(string Collection, string Line)>(10_000);
        lock (_gate)
        {
            var since = long.Parse(context.Request.Query["resourceVersion"].ToString(), CultureInfo.InvariantCulture);
            foreach (var (version, collection, line) in _history)
            {
                if (version > since) channel.Writer.TryWrite((collection, line));
            }

            _watchers.Add(channel);
        }

        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token);
        try
        {
            await context.Response.StartAsync(ends.Token);
            await foreach (var (collection, line) in channel.Reader.ReadAllAsync(ends.Token))
            {
                if (collection != kind.GroupResource || (ns.Length > 0 && JsonNode.Parse(line, null, Deep)!["object"]!.Namespace() != ns)) continue;
                await context.Response.WriteAsync(line + "\n", ends.Token);
                await context.Response.Body.FlushAsync(ends.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The client left or the server stops.
        }
        finally
        {
            lock (_gate) _watchers.Remove(channel);
        }
    }
}
