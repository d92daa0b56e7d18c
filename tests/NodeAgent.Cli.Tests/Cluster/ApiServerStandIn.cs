using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>
/// The part of a Kubernetes API server that the command line uses, over real HTTP: namespaced objects of velero.io/v1 with
/// create, get, list by equality selector, merge patch and delete.
/// </summary>
internal sealed class ApiServerStandIn : IAsyncDisposable
{
    private const int MaxAttempts = 20;

    private readonly HttpListener _listener;
    private readonly TemporaryDirectory _directory = new();
    private readonly SortedDictionary<string, JsonObject> _objects = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly Task _serving;
    private int _outage;

    public ApiServerStandIn()
    {
        (_listener, var port) = Listen();
        FileAddress = new Uri($"http://127.0.0.1:{port}/file");
        Kubeconfig = _directory.Write(
            "kubeconfig",
            $"""
            apiVersion: v1
            kind: Config
            current-context: test
            contexts:
            - name: test
              context: {"{"}cluster: test, user: test{"}"}
            clusters:
            - name: test
              cluster: {"{"}server: "http://127.0.0.1:{port}"{"}"}
            users:
            - name: test
              user: {"{"}token: secret{"}"}
            """);
        _serving = ServeAsync();
    }

    public string Kubeconfig { get; }

    /// <summary>Where <see cref="ServedFile"/> can be had, as in a bucket.</summary>
    public Uri FileAddress { get; }

    public byte[]? ServedFile { get; set; }

    public TemporaryDirectory Directory => _directory;

    /// <summary>Answers to GET of other paths, by path and query.</summary>
    public Dictionary<string, string> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>Called with every created object, as controllers are; may change its status.</summary>
    public Action<string, JsonObject>? OnCreated { get; set; }

    /// <summary>The plurals that are served; any other is an unknown kind.</summary>
    public HashSet<string> Plurals { get; } =
        ["backups", "restores", "schedules", "backupstoragelocations", "volumesnapshotlocations", "backuprepositories", "podvolumebackups", "podvolumerestores", "deletebackuprequests", "downloadrequests", "serverstatusrequests"];

    /// <summary>So many questions after an object is created are answered 503, as while a server is restarted.</summary>
    public int OutageAfterCreation { get; set; }

    public JsonObject Put(string plural, string json)
    {
        var resource = JsonNode.Parse(json)!.AsObject();
        resource["metadata"]!["namespace"] = "velero";
        lock (_gate)
            _objects[$"{plural}/{resource["metadata"]!["name"]}"] = resource;
        return resource;
    }

    public JsonObject? Find(string plural, string name)
    {
        lock (_gate)
            return _objects.GetValueOrDefault($"{plural}/{name}")?.DeepClone().AsObject();
    }

    public JsonObject[] All(string plural)
    {
        lock (_gate)
            return [.. _objects.Where(pair => pair.Key.StartsWith(plural + "/", StringComparison.Ordinal)).Select(pair => pair.Value.DeepClone().AsObject())];
    }

    public async ValueTask DisposeAsync()
    {
        // Once only: what is stopped and then closed binds its port a second time, which another process may have by then.
        _listener.Close();
        await _serving;
        _directory.Dispose();
    }

    /// <summary>This listener wants a number; one that was free a moment ago may be another's by now.</summary>
    private static (HttpListener Listener, int Port) Listen()
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            var listener = new HttpListener();
            listener.Prefixes.Add($"http://127.0.0.1:{port}/");
            try
            {
                listener.Start();
                return (listener, port);
            }
            catch (HttpListenerException) when (attempt < MaxAttempts)
            {
            }
        }
    }

    private static int FreePort()
    {
        using var socket = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                await AnswerAsync(await _listener.GetContextAsync());
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
            }
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        var body = await reader.ReadToEndAsync();
        if (context.Request.Url!.AbsolutePath == "/file")
        {
            context.Response.StatusCode = ServedFile is null ? 404 : 200;
            await context.Response.OutputStream.WriteAsync(ServedFile ?? []);
        }
        else
        {
            var (status, answer) = Handle(context.Request, body);
            context.Response.StatusCode = status;
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer));
        }

        context.Response.Close();
    }

    private (int Status, string Answer) Handle(HttpListenerRequest request, string body)
    {
        if (request.Headers["Authorization"] != "Bearer secret")
            return (401, """{"kind":"Status","message":"Unauthorized"}""");
        if (request.HttpMethod == "GET" && _outage > 0)
        {
            _outage--;
            return (503, """{"kind":"Status","reason":"ServiceUnavailable","message":"apiserver not ready"}""");
        }

        if (request.HttpMethod == "GET" && (Answers.GetValueOrDefault(request.Url!.PathAndQuery) ?? Answers.GetValueOrDefault(request.Url.AbsolutePath)) is { } given)
            return (200, given);
        // apis/velero.io/v1/namespaces/NS/PLURAL[/NAME]
        var parts = request.Url!.AbsolutePath.Trim('/').Split('/');
        if (parts.Length is not (6 or 7) || !Plurals.Contains(parts[5]) || parts[4] != "velero")
            return (404, "404 page not found\n");
        lock (_gate)
            return parts.Length == 6 ? HandleCollection(request, parts[5], body) : HandleObject(request.HttpMethod, parts[5], Uri.UnescapeDataString(parts[6]), body);
    }

    private (int Status, string Answer) HandleCollection(HttpListenerRequest request, string plural, string body)
    {
        if (request.HttpMethod == "GET")
        {
            var selector = request.QueryString["labelSelector"];
            var items = All(plural).Where(resource => selector is null || selector.Split(',').All(pair => Matches(resource, pair))).ToArray<JsonNode?>();
            return (200, new JsonObject { ["kind"] = "List", ["metadata"] = new JsonObject(), ["items"] = new JsonArray(items) }.ToJsonString());
        }

        var created = JsonNode.Parse(body)!.AsObject();
        var metadata = created["metadata"]!;
        metadata["name"] ??= metadata["generateName"]!.GetValue<string>() + "x7k2p";
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = "2026-11-20T10:00:00Z";
        var key = $"{plural}/{metadata["name"]}";
        if (_objects.ContainsKey(key))
            return (409, """{"kind":"Status","reason":"AlreadyExists","message":"already exists"}""");
        _objects[key] = created;
        _outage = OutageAfterCreation;
        OnCreated?.Invoke(plural, created);
        return (201, created.ToJsonString());
    }

    private (int Status, string Answer) HandleObject(string method, string plural, string name, string body)
    {
        var key = $"{plural}/{name}";
        if (!_objects.TryGetValue(key, out var resource))
            return (404, new JsonObject { ["kind"] = "Status", ["message"] = $"{plural} \"{name}\" not found", ["details"] = new JsonObject { ["name"] = name } }.ToJsonString());
        if (method == "DELETE")
            _objects.Remove(key);
        if (method == "PATCH")
            Merge(resource, JsonNode.Parse(body)!.AsObject());
        return (200, resource.ToJsonString());
    }

    private static bool Matches(JsonObject resource, string pair) =>
        pair.Split('=') is [var key, var value] && resource["metadata"]!["labels"]?[key]?.GetValue<string>() == value;

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (key, value) in patch)
        {
            if (value is JsonObject inner && target[key] is JsonObject existing)
                Merge(existing, inner);
            else
                target[key] = value?.DeepClone();
        }
    }
}
