using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Requests;

/// <summary>Files of directories, which the controller serves itself.</summary>
public sealed class DownloadServerTests : IDisposable
{
    private readonly HttpClient _http = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_file_is_served_to_whoever_has_its_address_and_to_nobody_else()
    {
        await using var cluster = await StartAsync();
        var url = await RequestAsync(cluster, "q", "BackupContents");
        Assert.Matches("^http://127\\.0\\.0\\.1:[0-9]+/download/q\\?token=[A-Za-z0-9_-]{43}$", url);
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(cluster.LocationPath, "backups/b/b.tar.gz"), Cancellation), await _http.GetByteArrayAsync(new Uri(url), Cancellation));
        var (_, other) = (await RequestAsync(cluster, "p", "BackupLog"), url.Replace("/q?", "/p?", StringComparison.Ordinal));
        string[] refused =
        [
            other, url[..^1], url + "A", url[..url.IndexOf('=', StringComparison.Ordinal)] + "=", url[..url.IndexOf('?', StringComparison.Ordinal)],
            url.Replace("/q?", "/none?", StringComparison.Ordinal), url.Replace("/q?", "/..%2f..%2fq?", StringComparison.Ordinal), url.Replace("/q?", "/?", StringComparison.Ordinal),
        ];
        foreach (var address in refused)
        {
            using var answer = await _http.GetAsync(new Uri(address), Cancellation);
            Assert.Equal((address, HttpStatusCode.Forbidden), (address, answer.StatusCode));
            Assert.Equal("this address is not valid, or not any more: make a new DownloadRequest\n", await answer.Content.ReadAsStringAsync(Cancellation));
        }

        using var elsewhere = await _http.GetAsync(new Uri(new Uri(url), "/backups/b/b.tar.gz"), Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, elsewhere.StatusCode);
        using var post = await _http.PostAsync(new Uri(url), null, Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Fact]
    public async Task An_address_ends_with_its_request()
    {
        await using var cluster = await StartAsync();
        var expired = await RequestAsync(cluster, "expired", "BackupLog");
        cluster.Api.Patch(VeleroResources.DownloadRequests, "velero", "expired", """{"status":{"expiration":"2020-01-01T00:00:00Z"}}""");
        var deleted = await RequestAsync(cluster, "deleted", "BackupLog");
        cluster.Api.Remove(VeleroResources.DownloadRequests, "velero", "deleted");
        foreach (var address in new[] { expired, deleted })
        {
            using var answer = await _http.GetAsync(new Uri(address), Cancellation);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_told_apart_from_an_address_that_is_not_valid()
    {
        await using var cluster = await StartAsync();
        var url = await RequestAsync(cluster, "q", "BackupLog");
        File.Delete(Path.Combine(cluster.LocationPath, "backups/b/b-logs.gz"));
        using var answer = await _http.GetAsync(new Uri(url), Cancellation);
        Assert.Equal((HttpStatusCode.NotFound, "there is no such file\n"), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation)));
    }

    [Fact]
    public async Task What_users_reach_the_controller_by_may_be_said()
    {
        await using var cluster = await StartAsync(o => o with { DownloadUrl = new Uri("https://backups.example.com/of/cluster-1/") });
        Assert.StartsWith("https://backups.example.com/of/cluster-1/download/q?token=", await RequestAsync(cluster, "q", "BackupLog"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://x", true, "download-url: \"ftp://x/\" is no address of the form http://HOST:PORT")]
    [InlineData("backups", true, "download-url: \"backups\" is no address of the form http://HOST:PORT")]
    [InlineData("http://x", false, "download-url: nothing is served without download-address")]
    public void Settings_that_cannot_be_meant_are_refused(string url, bool listens, string says) =>
        Assert.Equal([says], new ControllerOptions { DownloadUrl = new Uri(url, UriKind.RelativeOrAbsolute), DownloadAddress = listens ? Loopback : null }.Validate());

    private static ListenAddress Loopback => new(IPAddress.Loopback, 0);

    private static async Task<ControllerFixture> StartAsync(Func<ControllerOptions, ControllerOptions>? more = null)
    {
        var cluster = await ControllerFixture.StartAsync(o => (more ?? (static o => o))(o with { DownloadAddress = Loopback }));
        cluster.AddShop();
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));
        return cluster;
    }

    private static async Task<string> RequestAsync(ControllerFixture cluster, string name, string kind)
    {
        cluster.Api.Add(VeleroResources.DownloadRequests, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"velero"},"spec":{"target":{"kind":"{{{kind}}}","name":"b"} } }""");
        return (await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, name, DownloadRequestPhase.Processed)).Text("status", "downloadURL")!;
    }
}
