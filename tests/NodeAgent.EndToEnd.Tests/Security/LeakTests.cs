using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Security;

/// <summary>Backups, restores and faults on a real S3 server; then all that anybody can read is searched for what nobody must.</summary>
public sealed partial class LeakTests
{
    private static readonly ResourceKind Events = new("", "v1", "events", "Event");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Logs_events_statuses_descriptions_and_bundles_hold_no_keys_and_no_signed_addresses()
    {
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        using var loggers = new RecordingLoggers();
        await using var cluster = await S3Cluster.StartAsync(withAgent: true, loggers);
        var secrets = new List<string>
        {
            GatewayBucket.Get("AWS_SECRET_ACCESS_KEY"), GatewayBucket.Get("S3_STRANGER_SECRET_ACCESS_KEY"), Made("wrong-key"), Made("session-token"), Made("key-that-leads-nowhere"),
        };
        var (wrong, session, nowhere) = (secrets[2], secrets[3], secrets[4]);
        cluster.CreateSecret("good", "cloud", GatewayBucket.CredentialsFile);
        cluster.CreateSecret("wrong", "cloud", $"[default]\naws_access_key_id={GatewayBucket.Get("AWS_ACCESS_KEY_ID")}\naws_secret_access_key={wrong}\n");
        cluster.CreateSecret("session", "cloud", $"[default]\naws_access_key_id=ASIAEXAMPLE\naws_secret_access_key={wrong}\naws_session_token={session}\n");
        cluster.CreateSecret("stranger", "cloud", $"[default]\naws_access_key_id={GatewayBucket.Get("S3_STRANGER_ACCESS_KEY_ID")}\naws_secret_access_key={GatewayBucket.Get("S3_STRANGER_SECRET_ACCESS_KEY")}\n");
        cluster.CreateSecret("nowhere", "cloud", $"[default]\naws_access_key_id=a\naws_secret_access_key={nowhere}\n");
        // A file that is none: its text must not come back in the message that says so.
        cluster.CreateSecret("broken", "cloud", $"{nowhere}\n[default\naws_secret_access_key {nowhere}");
        var endpoint = GatewayBucket.Get("S3_ENDPOINT");
        await AddLocationAsync(cluster, bucket, "default", "good", endpoint, "--default");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        string[] faulty = ["wrong", "session", "stranger", "broken"];
        foreach (var name in faulty) await AddLocationAsync(cluster, bucket, name, name, endpoint);
        await AddLocationAsync(cluster, bucket, "nowhere", "nowhere", "http://127.0.0.1:9");
        var output = new StringBuilder();

        // 1. What works.
        var volume = await AddShopAsync(cluster);
        await File.WriteAllTextAsync(Path.Combine(volume, "orders.txt"), "three apples", Cancellation);
        await RunAsync("backup", "create", "first", "--include-namespaces", "shop", "--wait");
        await RunAsync("restore", "create", "back", "--from-backup", "first", "--namespace-mappings", "shop:shop-2", "--wait");
        // 2. What fails: the locations, and volumes on them.
        foreach (var name in faulty) await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, name, LocationPhase.Unavailable);
        var pod = (await cluster.FindAsync(KubernetesResources.Pods, "shop", "web"))!;
        foreach (var name in faulty) cluster.Create(VolumeBackup(name, pod));
        foreach (var name in faulty) await cluster.WaitForPhaseAsync(VeleroResources.PodVolumeBackups, name, PodVolumePhase.Failed);
        // 3. A signed address.
        cluster.Create("""
            {"apiVersion":"velero.io/v1","kind":"DownloadRequest","metadata":{"name":"asked","namespace":"velero"},"spec":{"target":{"kind":"BackupLog","name":"first"} } }
            """);
        var request = (await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "asked", DownloadRequestPhase.Processed))!;
        var address = new Uri((string)request["status"]!["downloadURL"]!);
        await ExpectOnlyThisFileForTenMinutesAsync(address, request);
        var signature = address.Query.Split('&').Single(p => p.TrimStart('?').StartsWith("X-Amz-Signature=", StringComparison.Ordinal)).Split('=')[1];
        Assert.Equal(64, signature.Length);
        secrets.Add(signature);
        // 4. The repositories' key, in every form in which it is held.
        var key = (string)(await cluster.FindAsync(KubernetesResources.Secrets, S3Cluster.System, "velero-repo-credentials"))!["data"]!["repository-key"]!;
        secrets.AddRange([key, Encoding.ASCII.GetString(Convert.FromBase64String(key)), Convert.ToBase64String(Encoding.UTF8.GetBytes(GatewayBucket.CredentialsFile))]);

        // 5. All that can be read.
        string[][] commands =
        [
            ["backup", "describe", "first", "--details"], ["backup", "logs", "first"], ["backup", "get", "-o", "json"], ["restore", "describe", "back", "--details"], ["restore", "logs", "back"],
            ["backup-location", "get", "-o", "json"], ["backup-location", "get"], ["repo", "get"],
        ];
        foreach (var command in commands) await RunAsync(command);
        var bundle = Path.Combine(Path.GetTempPath(), $"bundle-{Guid.NewGuid():N}.tar.gz");
        try
        {
            await RunAsync("debug", "--output", bundle, "--backup", "first", "--restore", "back");
            var text = await ReadBundleAsync(bundle);
            Search("the bundle of debug", text, "velero.io");
        }
        finally
        {
            File.Delete(bundle);
        }

        Search("what the commands printed", output.ToString(), "shop/web");
        Search("what controller and agent logged", string.Join('\n', loggers.Lines), "first");
        foreach (var kind in VeleroResources.All.Where(k => k.Kind != "DownloadRequest"))
        {
            var objects = await cluster.ListAsync(kind);
            Search($"the {kind.Plural}", string.Join('\n', objects.Select(o => o.ToJsonString())), "");
        }

        Search("the events", string.Join('\n', (await cluster.ListAsync(Events)).Select(o => o.ToJsonString())), "first");
        foreach (var file in await bucket.ListAsync("backups/", Cancellation))
        {
            // The archive is of the shop's namespace, in which there are none of these.
            Search($"{file} in the bucket", Unpack(await bucket.ReadAsync(file, Cancellation)), "");
        }

        // That the search finds what is there: the address where it belongs.
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Search("the request", (string)request["status"]!["downloadURL"]!, ""));

        async Task RunAsync(params string[] arguments) => output.AppendLine(await cluster.RunAsync(arguments));

        void Search(string what, string text, string mustHold)
        {
            Assert.True(text.Contains(mustHold, StringComparison.Ordinal), $"{what} was not collected");
            // Of any other file. A filter may leave the name of it.
            Assert.False(SignedAddress().IsMatch(text), $"{what} holds a signed address: {SignedAddress().Match(text).Value}");
            foreach (var secret in secrets)
            {
                var at = text.IndexOf(secret, StringComparison.Ordinal);
                Assert.True(at < 0, $"{what} holds a secret: …{(at < 0 ? "" : text[Math.Max(0, at - 200)..Math.Min(text.Length, at + 20)])}…");
            }
        }
    }

    [GeneratedRegex("(X-Amz-Signature=|[?&]sig=|[?&]token=)[A-Za-z0-9%_-]{16,}")]
    private static partial Regex SignedAddress();

    private static string Made(string what) => $"{what}-{Guid.NewGuid():N}";

    private static Task<string> AddLocationAsync(S3Cluster cluster, GatewayBucket bucket, string name, string secret, string endpoint, params string[] more) => cluster.RunAsync([
        "backup-location", "create", name, "--provider", "aws", "--bucket", bucket.Name, "--config", $"region=us-east-1,s3ForcePathStyle=true,s3Url={endpoint}", "--credential", $"{secret}=cloud", .. more]);

    private static async Task<string> AddShopAsync(S3Cluster cluster)
    {
        cluster.Create("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}""");
        cluster.Create("""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"backup.velero.io/backup-volumes":"data"}},
             "spec":{"containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","emptyDir":{}}]}}
            """);
        return await cluster.VolumeOfAsync("shop", "web", "data");
    }

    private static string VolumeBackup(string location, JsonObject pod) => $$"""
        {"apiVersion":"velero.io/v1","kind":"PodVolumeBackup","metadata":{"name":"{{location}}","namespace":"velero"},
         "spec":{"node":"{{S3Cluster.Node}}","pod":{"kind":"Pod","namespace":"shop","name":"web","uid":"{{(string?)pod["metadata"]!["uid"]}}"},"volume":"data",
                 "backupStorageLocation":"{{location}}","repoIdentifier":"","uploaderType":"kopia"} }
        """;

    /// <summary>The address opens its file, for ten minutes, and neither another file nor another method.</summary>
    private static async Task ExpectOnlyThisFileForTenMinutesAsync(Uri address, JsonObject request)
    {
        using var http = new HttpClient();
        using (var own = await http.GetAsync(address, Cancellation)) Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        Assert.Contains("X-Amz-Expires=600", address.Query, StringComparison.Ordinal);
        Assert.InRange((DateTimeOffset.Parse((string)request["status"]!["expiration"]!, System.Globalization.CultureInfo.InvariantCulture) - DateTimeOffset.UtcNow).TotalMinutes, 1, 10.5);
        var path = address.AbsolutePath;
        Assert.EndsWith("backups/first/first-logs.gz", path, StringComparison.Ordinal);
        foreach (var other in (string[])[path.Replace("first-logs.gz", "first.tar.gz", StringComparison.Ordinal), path[..path.IndexOf("/backups", StringComparison.Ordinal)], path.Replace("backups/first/first-logs.gz", "plugins/nodeagent/config", StringComparison.Ordinal)])
        {
            using var refused = await http.GetAsync(new UriBuilder(address) { Path = other }.Uri, Cancellation);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        using var written = await http.PutAsync(address, new StringContent("x"), Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, written.StatusCode);
        using var deleted = await http.DeleteAsync(address, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, deleted.StatusCode);
    }

    private static async Task<string> ReadBundleAsync(string path)
    {
        var text = new StringBuilder();
        await using var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        await using var tar = new TarReader(gzip);
        while (await tar.GetNextEntryAsync(copyData: true, Cancellation) is { } entry)
        {
            if (entry.DataStream is null) continue;
            using var reader = new StreamReader(entry.DataStream);
            text.AppendLine(entry.Name).AppendLine(await reader.ReadToEndAsync(Cancellation));
        }

        return text.ToString();
    }

    private static string Unpack(byte[] content)
    {
        if (content is not [0x1f, 0x8b, ..]) return Encoding.Latin1.GetString(content);
        using var gzip = new GZipStream(new MemoryStream(content), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        gzip.CopyTo(plain);
        return Encoding.Latin1.GetString(plain.ToArray());
    }
}
