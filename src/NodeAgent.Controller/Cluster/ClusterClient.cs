using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// The requests that the controller makes. Objects stay JSON, so that fields this program does not know are carried along.
/// Safe for concurrent use. The <see cref="HttpClient"/> has the server's address and credentials and belongs to the caller.
/// </summary>
internal sealed class ClusterClient(HttpClient http)
{
    private const int PageSize = 500;

    // 0.2 s doubled four times: about three seconds in which a server may be restarted or a connection replaced.
    private const int MaxAttempts = 5;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(60);

    public async Task<JsonObject?> GetAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation)
    {
        try
        {
            return await SendAsync(HttpMethod.Get, Path(kind, ns, name), null, null, cancellation);
        }
        catch (ApiException e) when (e.Status == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>All objects, page by page. Each has its apiVersion and kind, which lists of built-in types leave out.</summary>
    public async IAsyncEnumerable<JsonObject> ListAsync(
        ResourceKind kind, string? ns, string? labelSelector, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var token = "";
        do
        {
            var query = $"?limit={PageSize}";
            if (labelSelector is not null) query += "&labelSelector=" + Uri.EscapeDataString(labelSelector);
            if (token.Length > 0) query += "&continue=" + Uri.EscapeDataString(token);
            JsonObject page;
            try
            {
                page = await SendAsync(HttpMethod.Get, Path(kind, ns, null) + query, null, null, cancellation);
            }
            catch (ApiException e) when (e.Status == HttpStatusCode.Gone && token.Length > 0)
            {
                // The snapshot behind the token is gone: the list starts anew, and callers see some objects twice.
                token = "";
                continue;
            }

            token = page.Text("metadata", "continue") ?? "";
            if (page["items"] is not JsonArray items) yield break;
            foreach (var item in items.OfType<JsonObject>().ToList())
            {
                items.Remove(item);
                if (!item.ContainsKey("kind")) item.Insert(0, "kind", kind.Kind);
                if (!item.ContainsKey("apiVersion")) item.Insert(0, "apiVersion", kind.ApiVersion);
                yield return item;
            }
        }
        while (token.Length > 0);
    }

    public Task<JsonObject> CreateAsync(ResourceKind kind, string? ns, JsonObject body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path(kind, ns, null), body, "application/json", cancellation);

    /// <summary>Applies an RFC 7396 merge patch to the object, or to one of its subresources.</summary>
    public Task<JsonObject> PatchAsync(ResourceKind kind, string? ns, string name, JsonObject patch, string? subresource, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Patch, Path(kind, ns, name) + (subresource is null ? "" : "/" + subresource), patch, "application/merge-patch+json", cancellation);

    /// <summary>
    /// Writes fields of the status. Our resource definitions have a status subresource and Velero's own have none, so a server
    /// that does not know the subresource gets the same patch on the object itself. False when the object is gone.
    /// </summary>
    public async Task<bool> PatchStatusAsync(ResourceKind kind, string? ns, string name, JsonObject status, CancellationToken cancellation)
    {
        var patch = new JsonObject { ["status"] = status };
        try
        {
            await PatchAsync(kind, ns, name, patch, "status", cancellation);
            return true;
        }
        catch (ApiException e) when (e.Status == HttpStatusCode.NotFound)
        {
            try
            {
                await PatchAsync(kind, ns, name, patch, null, cancellation);
                return true;
            }
            catch (ApiException inner) when (inner.Status == HttpStatusCode.NotFound)
            {
                return false;
            }
        }
    }

    /// <summary>Deletes the object; false when there was none.</summary>
    public async Task<bool> DeleteAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation)
    {
        try
        {
            await SendAsync(HttpMethod.Delete, Path(kind, ns, name), null, null, cancellation);
            return true;
        }
        catch (ApiException e) when (e.Status == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>Names of objects that changed, until the server ends the watch. The caller lists before and after.</summary>
    public async IAsyncEnumerable<string> WatchNamesAsync(ResourceKind kind, string? ns, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path(kind, ns, null) + "?watch=true&allowWatchBookmarks=false&timeoutSeconds=300");
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!response.IsSuccessStatusCode) throw await FailureAsync(request, response, cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation), Encoding.UTF8);
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            if (line.Length == 0) continue;
            var change = JsonNode.Parse(line);
            if (change.Text("type") == "ERROR") yield break;
            if (change.Text("object", "metadata", "name") is { } name) yield return name;
        }
    }

    /// <summary>What the cluster serves: each group's preferred version, or the only one that has the resource.</summary>
    public async Task<IReadOnlyList<ServedResource>> DiscoverAsync(CancellationToken cancellation)
    {
        var found = new List<ServedResource>();
        found.AddRange(await DiscoverVersionAsync("api/v1", "", "v1", cancellation));
        var groups = await SendAsync(HttpMethod.Get, "apis", null, null, cancellation);
        foreach (var group in groups.Objects("groups"))
        {
            var name = group.Text("name") ?? "";
            var preferred = group.Text("preferredVersion", "version") ?? "";
            var versions = group.Objects("versions").Select(v => v.Text("version") ?? "").OrderByDescending(v => v == preferred);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var version in versions.Where(v => v.Length > 0))
            {
                IReadOnlyList<ServedResource> resources;
                try
                {
                    resources = await DiscoverVersionAsync($"apis/{name}/{version}", name, version, cancellation);
                }
                catch (ApiException)
                {
                    // An aggregated server that is down takes only its own group with it.
                    continue;
                }

                found.AddRange(resources.Where(r => seen.Add(r.Kind.Plural)));
            }
        }

        return found;
    }

    /// <summary>The server's version document, with gitVersion, major and minor.</summary>
    public Task<JsonObject> VersionAsync(CancellationToken cancellation) => SendAsync(HttpMethod.Get, "version", null, null, cancellation);

    private static string Path(ResourceKind kind, string? ns, string? name)
    {
        var path = new StringBuilder(kind.Group.Length == 0 ? "api/" : $"apis/{kind.Group}/").Append(kind.Version);
        if (!string.IsNullOrEmpty(ns)) path.Append("/namespaces/").Append(Uri.EscapeDataString(ns));
        path.Append('/').Append(kind.Plural);
        if (name is not null) path.Append('/').Append(Uri.EscapeDataString(name));
        return path.ToString();
    }

    private static async Task<ApiException> FailureAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        var text = await response.Content.ReadAsStringAsync(cancellation);
        JsonNode? status = null;
        try
        {
            status = JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            // A proxy's page is no Status object; its code says enough.
        }

        var message = status.Text("message") ?? response.ReasonPhrase ?? "";
        return new ApiException($"{request.Method} {request.RequestUri}: {(int)response.StatusCode} {message}", response.StatusCode, status.Text("reason") ?? "")
        {
            RetryAfter = response.Headers.RetryAfter?.Delta,
        };
    }

    private async Task<IReadOnlyList<ServedResource>> DiscoverVersionAsync(string path, string group, string version, CancellationToken cancellation)
    {
        var list = await SendAsync(HttpMethod.Get, path, null, null, cancellation);
        return [.. list.Objects("resources")
            .Where(r => r.Text("name") is { } name && !name.Contains('/'))
            .Select(r => new ServedResource(
                new ResourceKind(group, version, r.Text("name")!, r.Text("kind") ?? "", r.IsTrue("namespaced")),
                [.. (r["verbs"] as JsonArray ?? []).Select(v => v?.ToString() ?? "")],
                r.Text("singularName") ?? "",
                [.. (r["shortNames"] as JsonArray ?? []).Select(v => v?.ToString() ?? "")]))];
    }

    /// <summary>
    /// Sends a request, and again when the server was busy or the connection broke: one hiccup must not fail a backup of an
    /// hour. A create whose answer got lost is not sent again, because it may have happened.
    /// </summary>
    private async Task<JsonObject> SendAsync(HttpMethod method, string path, JsonObject? body, string? mediaType, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await SendOnceAsync(method, path, body, mediaType, cancellation);
            }
            catch (Exception e) when (attempt < MaxAttempts && IsWorthRetrying(e, method))
            {
                var delay = FirstRetry * (1 << (attempt - 1));
                if (e is ApiException { RetryAfter: { } asked } && asked > delay) delay = asked < LongestRetry ? asked : LongestRetry;
                await Task.Delay(delay, cancellation);
            }
            catch (IOException e)
            {
                // The body of the answer broke off; callers know one exception for a failed connection.
                throw new HttpRequestException($"{method} {path}: {e.Message}", e);
            }
        }
    }

    private static bool IsWorthRetrying(Exception e, HttpMethod method) => e switch
    {
        ApiException { Status: HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable } => true,
        ApiException { Status: HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout } => method != HttpMethod.Post,
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => true,
        HttpRequestException or IOException => method != HttpMethod.Post,
        _ => false,
    };

    private async Task<JsonObject> SendOnceAsync(HttpMethod method, string path, JsonObject? body, string? mediaType, CancellationToken cancellation)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(RequestTimeout);
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, new MediaTypeHeaderValue(mediaType!));
        try
        {
            using var response = await http.SendAsync(request, timeout.Token);
            if (!response.IsSuccessStatusCode) throw await FailureAsync(request, response, timeout.Token);
            await using var stream = await response.Content.ReadAsStreamAsync(timeout.Token);
            return await JsonNode.ParseAsync(stream, cancellationToken: timeout.Token) as JsonObject ?? [];
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ApiException($"{method} {path}: no answer within {RequestTimeout.TotalSeconds:0} s", HttpStatusCode.RequestTimeout, "Timeout");
        }
    }
}
