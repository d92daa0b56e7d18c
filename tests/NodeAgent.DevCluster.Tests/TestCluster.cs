using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests;

/// <summary>A cluster in a directory of its own, and a plain HTTP client for it.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private TestCluster(EmbeddedCluster cluster, string directory)
    {
        Cluster = cluster;
        Directory = directory;
        Http = new HttpClient { BaseAddress = cluster.Address, Timeout = TimeSpan.FromSeconds(20) };
    }

    public EmbeddedCluster Cluster { get; }

    public string Directory { get; }

    public HttpClient Http { get; }

    public static async Task<TestCluster> StartAsync(Func<EmbeddedClusterOptions, EmbeddedClusterOptions>? adjust = null)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("devcluster-test-").FullName;
        var options = new EmbeddedClusterOptions { Directory = directory };
        try
        {
            var cluster = await EmbeddedCluster.StartAsync(adjust is null ? options : adjust(options), TestContext.Current.CancellationToken);
            return new TestCluster(cluster, directory);
        }
        catch
        {
            System.IO.Directory.Delete(directory, recursive: true);
            throw;
        }
    }

    public async Task<(HttpStatusCode Code, JsonObject Body)> SendAsync(HttpMethod method, string path, string? body = null, string contentType = "application/json", string? accept = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, contentType);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (response.StatusCode, response.Content.Headers.ContentType?.MediaType == "text/plain" ? new JsonObject { ["text"] = text } : (JsonObject)JsonNode.Parse(text)!);
    }

    public async Task<JsonObject> GetAsync(string path)
    {
        var (code, body) = await SendAsync(HttpMethod.Get, path);
        Assert.True(code == HttpStatusCode.OK, $"GET {path}: {code}: {body.ToJsonString()}");
        return body;
    }

    public async Task<JsonObject> CreateAsync(string path, string body)
    {
        var (code, created) = await SendAsync(HttpMethod.Post, path, body);
        Assert.True(code == HttpStatusCode.Created, $"POST {path}: {code}: {created.ToJsonString()}");
        return created;
    }

    public Task<(HttpStatusCode Code, JsonObject Body)> PatchAsync(string path, string body, string form = "merge-patch+json") =>
        SendAsync(HttpMethod.Patch, path, body, "application/" + form);

    /// <summary>Waits, at most ten seconds, until an object fulfils a condition.</summary>
    public async Task<JsonObject> WaitAsync(string path, Func<HttpStatusCode, JsonObject, bool> until)
    {
        for (var attempt = 0; ; attempt++)
        {
            var (code, body) = await SendAsync(HttpMethod.Get, path);
            if (until(code, body))
                return body;
            Assert.True(attempt < 400, $"{path} did not become what was awaited: {code} {body.ToJsonString()}");
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }
    }

    public Task<JsonObject> WaitGoneAsync(string path) => WaitAsync(path, (code, _) => code == HttpStatusCode.NotFound);

    public Task<JsonObject> WaitPhaseAsync(string path, string phase) => WaitAsync(path, (_, o) => (string?)o["status"]?["phase"] == phase);

    /// <summary>Opens a watch whose events are read one by one.</summary>
    public async Task<WatchReader> WatchAsync(string pathAndQuery, string? accept = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, pathAndQuery);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        return new WatchReader(response, new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)));
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Cluster.DisposeAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
