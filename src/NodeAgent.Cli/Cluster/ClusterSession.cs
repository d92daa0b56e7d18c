using System.CommandLine;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Connection;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// The connection of one command to one cluster, and the server's namespace in it. Objects stay JSON both ways, so that
/// nothing that this program does not know is lost on `-o yaml`.
/// </summary>
internal sealed class ClusterSession : IAsyncDisposable
{
    private const int PageSize = 500;
    private readonly HttpClient _http;

    private ClusterSession(HttpClient http, string @namespace) => (_http, Namespace) = (http, @namespace);

    public string Namespace { get; }

    /// <exception cref="CommandException">No cluster can be found. That it answers shows at the first request.</exception>
    public static Task<ClusterSession> ConnectAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var http = ClusterConnection.Open(parse.GetValue(ClusterOptions.Kubeconfig) ?? "", parse.GetValue(ClusterOptions.Kubecontext) ?? "");
        return Task.FromResult(new ClusterSession(http, ClusterOptions.NamespaceOf(parse)));
    }

    /// <summary>Null when it is not there.</summary>
    public async Task<JsonObject?> FindAsync(VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        // A name is part of a path: one that cannot be a name must not become another request.
        if (name.Length == 0 || name.AsSpan().ContainsAny('/', '?', '#'))
            return null;
        var what = $"{kind.Noun} {name}";
        using var response = await SendAsync(HttpMethod.Get, PathOf(kind, name), null, "application/json", what, cancellationToken);
        // The kind itself may be unknown to the cluster: then the answer is no Status about an object.
        if (response.StatusCode == HttpStatusCode.NotFound && await IsAboutObjectAsync(response, cancellationToken))
            return null;
        return await ReadAsync(response, what, kind, cancellationToken);
    }

    /// <exception cref="CommandException">It is not there (NotFound).</exception>
    public async Task<JsonObject> GetAsync(VeleroKind kind, string name, CancellationToken cancellationToken) =>
        await FindAsync(kind, name, cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: not found in namespace {Namespace} (see: kubectl -n {Namespace} get {kind.Plural})");

    public async Task<IReadOnlyList<JsonObject>> GetManyAsync(VeleroKind kind, string[] names, CancellationToken cancellationToken)
    {
        var resources = new List<JsonObject>(names.Length);
        foreach (var name in names)
            resources.Add(await GetAsync(kind, name, cancellationToken));
        return resources;
    }

    /// <summary>All of the kind in the namespace, page by page.</summary>
    /// <param name="selector">A label selector as flags write it; empty for all.</param>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(VeleroKind kind, string selector, CancellationToken cancellationToken)
    {
        var resources = new List<JsonObject>();
        var next = "";
        do
        {
            var query = $"?limit={PageSize}"
                + (selector.Length > 0 ? "&labelSelector=" + Uri.EscapeDataString(selector) : "")
                + (next.Length > 0 ? "&continue=" + Uri.EscapeDataString(next) : "");
            using var response = await SendAsync(HttpMethod.Get, PathOf(kind) + query, null, "application/json", kind.Nouns, cancellationToken);
            if (response.StatusCode == HttpStatusCode.Gone && next.Length > 0)
            {
                // The state that the pages were taken from has expired: begin again.
                resources.Clear();
                next = "";
                continue;
            }

            var page = await ReadAsync(response, kind.Nouns, kind, cancellationToken);
            foreach (var item in page.Objects("items").ToArray())
            {
                page["items"]!.AsArray().Remove(item);
                resources.Add(WithType(item, kind));
            }

            next = page.Raw("metadata", "continue");
        }
        while (next.Length > 0);
        return resources;
    }

    /// <exception cref="CommandException">It exists, or the cluster refuses it; the message has the cluster's reason.</exception>
    public async Task CreateAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        var what = $"{kind.Noun} {resource.Name()}";
        using var response = await SendAsync(HttpMethod.Post, PathOf(kind), resource, "application/json", what, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Conflict)
            throw new CommandException(ExitCode.Failed, $"{what}: there is one already in namespace {Namespace} (choose another name)");
        await ReadAsync(response, what, kind, cancellationToken);
    }

    public async Task DeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Delete, PathOf(kind, name), null, "application/json", $"{kind.Noun} {name}", cancellationToken);
        // Someone else was quicker: gone is what was asked for.
        if (response.StatusCode != HttpStatusCode.NotFound)
            await ReadAsync(response, $"{kind.Noun} {name}", kind, cancellationToken);
    }

    /// <summary>Deletes what will go away by itself sooner or later; that it fails matters to nobody.</summary>
    public async Task TryDeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        try
        {
            await DeleteAsync(kind, name, cancellationToken);
        }
        catch (CommandException)
        {
        }
    }

    /// <summary>Changes the given fields and no others (RFC 7396).</summary>
    public async Task PatchAsync(VeleroKind kind, string name, JsonObject patch, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Patch, PathOf(kind, name), patch, "application/merge-patch+json", $"{kind.Noun} {name}", cancellationToken);
        await ReadAsync(response, $"{kind.Noun} {name}", kind, cancellationToken);
    }

    /// <summary>The backup location that holds the files of a backup or a restore; empty when that cannot be told.</summary>
    public async Task<string> StorageLocationOfAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        if (kind == VeleroKinds.Backup)
            return resource.Raw("spec", "storageLocation");
        return resource.Raw("spec", "backupName") is { Length: > 0 } name && await FindAsync(VeleroKinds.Backup, name, cancellationToken) is { } backup
            ? backup.Raw("spec", "storageLocation")
            : "";
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private string PathOf(VeleroKind kind, string? name = null) =>
        $"apis/{VeleroKind.ApiVersion}/namespaces/{Uri.EscapeDataString(Namespace)}/{kind.Plural}{(name is null ? "" : "/" + Uri.EscapeDataString(name))}";

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, JsonObject? body, string mediaType, string what, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(JsonText.Format(body, JsonText.Compact), Encoding.UTF8, mediaType);
        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            throw new CommandException(ExitCode.Failed, $"{what}: the cluster at {_http.BaseAddress} cannot be reached: {exception.Message} (check --kubeconfig and --kubecontext)", exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Failed, $"{what}: the cluster at {_http.BaseAddress} did not answer within {_http.Timeout.TotalSeconds:0} s", exception);
        }
    }

    private async Task<JsonObject> ReadAsync(HttpResponseMessage response, string what, VeleroKind kind, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            return TryParse(text) is { } resource
                ? WithType(resource, kind)
                : throw new CommandException(ExitCode.Failed, $"{what}: the answer of {_http.BaseAddress} is no JSON object (is it a Kubernetes API server?)");
        }

        var reason = TryParse(text)?.Text("message") is { Length: > 0 } message ? message : $"HTTP {(int)response.StatusCode}";
        throw response.StatusCode switch
        {
            HttpStatusCode.NotFound when !await IsAboutObjectAsync(response, cancellationToken) => new CommandException(ExitCode.Failed, $"{what}: the cluster does not know {kind.Plural}.{VeleroKind.Group} (install the custom resources first)"),
            HttpStatusCode.NotFound => new CommandException(ExitCode.NotFound, $"{what}: {reason}"),
            HttpStatusCode.Unauthorized => new CommandException(ExitCode.Failed, $"{what}: the cluster does not accept the credentials (check the kubeconfig)"),
            HttpStatusCode.Forbidden => new CommandException(ExitCode.Failed, $"{what}: not allowed: {reason}"),
            _ => new CommandException(ExitCode.Failed, $"{what}: the cluster refused it: {reason}"),
        };
    }

    /// <summary>An unknown kind is answered by "404 page not found", a missing object by a Status that names it.</summary>
    private static async Task<bool> IsAboutObjectAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        TryParse(await response.Content.ReadAsStringAsync(cancellationToken))?.Raw("details", "name").Length > 0;

    private static JsonObject WithType(JsonObject resource, VeleroKind kind)
    {
        if (!resource.ContainsKey("items"))
        {
            resource.TryAdd("apiVersion", VeleroKind.ApiVersion);
            resource.TryAdd("kind", kind.Kind);
        }

        return resource;
    }

    private static JsonObject? TryParse(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
