using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Finds out what the server serves, and remembers it until asked to look again. Safe for concurrent use.</summary>
public sealed class ApiDiscovery
{
    // A cluster has some forty group versions; a handful of requests at a time keeps within the server's limits.
    private const int MaxRequests = 6;

    private readonly RequestSender _sender;
    private readonly Lock _gate = new();
    private Task<ServedResources>? _found;

    internal ApiDiscovery(RequestSender sender) => _sender = sender;

    /// <summary>What was found last, or is found now for the first time.</summary>
    public async Task<ServedResources> GetAsync(CancellationToken cancellation)
    {
        Task<ServedResources> found;
        lock (_gate)
        {
            if (_found is null or { IsFaulted: true } or { IsCanceled: true }) _found = DiscoverAsync(CancellationToken.None);
            found = _found;
        }

        // Shared by all who ask, so one caller's cancellation ends only that caller's wait.
        return await found.WaitAsync(cancellation);
    }

    /// <summary>Looks again, as after definitions were added.</summary>
    public Task<ServedResources> RefreshAsync(CancellationToken cancellation)
    {
        lock (_gate) _found = null;
        return GetAsync(cancellation);
    }

    private static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    private static IReadOnlyList<string> Texts(JsonNode? node) => node is JsonArray array ? [.. array.Select(Text)] : [];

    private async Task<ServedResources> DiscoverAsync(CancellationToken cancellation)
    {
        var core = await SendAsync("api", cancellation);
        var groups = await SendAsync("apis", cancellation);
        var versions = new List<(string Group, string Version)>(Texts(core["versions"]).Select(v => ("", v)));
        foreach (var group in (groups["groups"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var preferred = Text(group["preferredVersion"]?["version"]);
            var offered = (group["versions"] as JsonArray ?? []).OfType<JsonObject>().Select(v => Text(v["version"])).Where(v => v.Length > 0);
            versions.AddRange(offered.OrderByDescending(v => v == preferred).Select(v => (Text(group["name"]), v)));
        }

        using var slots = new SemaphoreSlim(MaxRequests);
        var lists = await Task.WhenAll(versions.Select(v => ListAsync(v.Group, v.Version, slots, cancellation)));

        var all = new List<ServedResource>();
        var seen = new HashSet<(string, string)>();
        foreach (var resource in lists.SelectMany(l => l.Resources))
        {
            // The versions of a group come in its order of preference, so the first that has a resource is the preferred one.
            all.Add(resource with { IsPreferred = seen.Add((resource.Kind.Group, resource.Kind.Plural)) });
        }

        return new ServedResources(all, [.. lists.Select(l => l.Problem).OfType<string>()]);
    }

    private async Task<(IReadOnlyList<ServedResource> Resources, string? Problem)> ListAsync(
        string group, string version, SemaphoreSlim slots, CancellationToken cancellation)
    {
        await slots.WaitAsync(cancellation);
        try
        {
            var list = await SendAsync(group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}", cancellation);
            return (Read(list, group, version), null);
        }
        catch (Exception e) when (group.Length > 0 && IsOfGroupAlone(e))
        {
            // An aggregated server that is down takes only its own group with it; the core group is the server itself.
            return ([], e.Message);
        }
        finally
        {
            slots.Release();
        }
    }

    /// <summary>
    /// A server that starts, or goes away meanwhile, says nothing about a group: whoever believed it would back up and restore nothing of it.
    /// </summary>
    private static bool IsOfGroupAlone(Exception e) => e is ApiException { IsServerStarting: false } or HttpRequestException { HttpRequestError: not (HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded) };

    private static IReadOnlyList<ServedResource> Read(JsonObject list, string group, string version)
    {
        var entries = (list["resources"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var subresources = entries.Select(e => Text(e["name"]).Split('/', 2)).Where(p => p.Length == 2).ToLookup(p => p[0], p => p[1]);
        return [.. entries.Where(e => Text(e["name"]) is { Length: > 0 } name && !name.Contains('/', StringComparison.Ordinal)).Select(e =>
        {
            var name = Text(e["name"]);
            var isNamespaced = e["namespaced"] is JsonValue value && value.TryGetValue<bool>(out var flag) && flag;
            return new ServedResource(
                new ResourceKind(group, version, name, Text(e["kind"]), isNamespaced), Text(e["singularName"]), Texts(e["shortNames"]),
                Texts(e["verbs"]), Texts(e["categories"]), [.. subresources[name]], IsPreferred: false);
        })];
    }

    private async Task<JsonObject> SendAsync(string path, CancellationToken cancellation)
    {
        var request = ApiRequest.Get(path, "");
        return ApiClient.ParseObject(request, await _sender.SendAsync(request, cancellation));
    }
}
