using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.S3;

/// <summary>Locations of provider aws on a real S3 server, with controller, agent and command line.</summary>
public sealed class S3LocationTests
{
    private const string Prefix = "clusters/one";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_in_a_bucket_is_described_fetched_restored_in_another_cluster_and_deleted()
    {
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        await using var one = await S3Cluster.StartAsync(withAgent: true);
        await AddLocationAsync(one, bucket);
        var volume = await AddShopAsync(one);
        await File.WriteAllTextAsync(Path.Combine(volume, "orders.txt"), "three apples", Cancellation);

        // 1. Backed up, and every file of the backup comes to the command line over TLS with the location's own certificate.
        var made = await one.RunAsync("backup", "create", "first", "--include-namespaces", "shop", "--wait");
        Assert.Contains("Completed", made, StringComparison.Ordinal);
        Assert.Contains("level=info", await one.RunAsync("backup", "logs", "first"), StringComparison.Ordinal);
        var described = await one.RunAsync("backup", "describe", "first", "--details");
        Assert.Contains("shop/web", described, StringComparison.Ordinal);
        Assert.DoesNotContain("error", described, StringComparison.OrdinalIgnoreCase);
        var archive = Path.Combine(Path.GetDirectoryName(volume)!, "..", "..", "..", "first.tar.gz");
        await one.RunAsync("backup", "download", "first", "--output", archive);
        Assert.Contains("resources/pods/namespaces/shop/web.json", NamesIn(archive));

        // The repository is maintained where it is.
        await one.RunAsync("repo", "maintain", "default-nodeagent");
        var maintained = await one.WaitAsync(VeleroResources.BackupRepositories, "default-nodeagent", "maintenance", r => r?["status"]?["recentMaintenance"] is JsonArray { Count: > 0 });
        Assert.Equal("Succeeded", (string?)maintained!["status"]!["recentMaintenance"]![0]!["result"]);
        Assert.Single(await bucket.ListAsync($"{Prefix}/plugins/nodeagent-checks/", Cancellation));
        Assert.Contains("default-nodeagent", await one.RunAsync("repo", "get"), StringComparison.Ordinal);

        // 2. Found by another cluster and restored there.
        await using (var two = await S3Cluster.StartAsync(withAgent: true))
        {
            two.CreateSecret("velero-repo-credentials", (await one.FindAsync(KubernetesResources.Secrets, S3Cluster.System, "velero-repo-credentials"))!["data"]!);
            await AddLocationAsync(two, bucket);
            await two.WaitForPhaseAsync(VeleroResources.Backups, "first", BackupPhase.Completed);
            Assert.Contains("Completed", await two.RunAsync("restore", "create", "back", "--from-backup", "first", "--wait"), StringComparison.Ordinal);
            var restored = await two.VolumeOfAsync("shop", "web", "data");
            Assert.Equal("three apples", await File.ReadAllTextAsync(Path.Combine(restored, "orders.txt"), Cancellation));
            Assert.Contains("level=info", await two.RunAsync("restore", "logs", "back"), StringComparison.Ordinal);
            Assert.Contains("shop/web", await two.RunAsync("restore", "describe", "back", "--details"), StringComparison.Ordinal);
            Assert.NotEmpty(await bucket.ListAsync($"{Prefix}/restores/back/", Cancellation));

            // 3. Expired and deleted in the one, gone from the bucket and then from the other.
            await one.RunAsync("backup", "create", "second", "--include-namespaces", "shop", "--wait");
            await one.PatchStatusAsync(VeleroResources.Backups, "second", """{"expiration":"2020-01-01T00:00:00Z"}""");
            await one.WaitAsync(VeleroResources.Backups, "second", "its end", b => b is null);
            await one.RunAsync("backup", "delete", "first", "--confirm");
            await one.WaitAsync(VeleroResources.Backups, "first", "its end", b => b is null);
            Assert.Empty(await bucket.ListAsync($"{Prefix}/backups/", Cancellation));
            Assert.Equal(2, (await bucket.ListAsync($"{Prefix}/plugins/nodeagent/forget/", Cancellation)).Count);
            await two.WaitAsync(VeleroResources.Backups, "first", "its end", b => b is null);
            await two.RunAsync("restore", "delete", "back", "--confirm");
            await two.WaitAsync(VeleroResources.Restores, "back", "its end", r => r is null);
            Assert.Empty(await bucket.ListAsync($"{Prefix}/restores/", Cancellation));
        }
    }

    [Fact]
    public async Task What_is_wrong_with_a_bucket_is_told_on_the_location_in_one_line()
    {
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        await using var cluster = await S3Cluster.StartAsync(withAgent: false);
        cluster.CreateSecret("good", "cloud", GatewayBucket.CredentialsFile);
        cluster.CreateSecret("wrong", "cloud", $"[default]\naws_access_key_id={GatewayBucket.Get("AWS_ACCESS_KEY_ID")}\naws_secret_access_key=nonsense\n");
        cluster.CreateSecret("stranger", "cloud", $"[default]\naws_access_key_id={GatewayBucket.Get("S3_STRANGER_ACCESS_KEY_ID")}\naws_secret_access_key={GatewayBucket.Get("S3_STRANGER_SECRET_ACCESS_KEY")}\n");
        cluster.CreateSecret("empty", "cloud", "");
        var (plain, tls) = (GatewayBucket.Get("S3_ENDPOINT"), GatewayBucket.Get("S3_ENDPOINT_TLS"));
        (string Name, string Secret, string Bucket, string Url, string Says)[] wrong =
        [
            ("wrong-key", "wrong", bucket.Name, plain, "the secret key does not belong to the access key"),
            ("no-rights", "stranger", bucket.Name, plain, "access denied (the key needs s3:ListBucket"),
            ("no-bucket", "good", "no-such-bucket-here", plain, "bucket no-such-bucket-here does not exist (make it, or check its name and the endpoint)"),
            ("unknown-authority", "good", bucket.Name, tls, "the server's certificate is not trusted (give the CA certificate of the endpoint, or skip the verification)"),
            ("nobody-there", "good", bucket.Name, "http://127.0.0.1:1", "nothing listens at the endpoint"),
            ("no-secret", "gone", bucket.Name, plain, "spec.credential names entry cloud of Secret gone, which does not exist in namespace velero"),
        ];
        foreach (var (name, secret, where, url, _) in wrong) CreateLocation(cluster, name, secret, where, url);
        // A clock that is five hours off is no reason: the server's is gone by.
        CreateLocation(cluster, "other-clock", "good", bucket.Name, GatewayBucket.Get("S3_ENDPOINT_SKEWED"));
        foreach (var (name, _, _, _, says) in wrong)
        {
            var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, name, LocationPhase.Unavailable);
            var message = (string)location!["status"]!["message"]!;
            Assert.True(message.Contains(says, StringComparison.Ordinal), message);
            Assert.DoesNotContain('\n', message);
        }

        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "other-clock", LocationPhase.Available);
    }

    [Fact]
    public async Task A_location_that_is_never_checked_is_checked_again_when_its_Secret_or_its_spec_changes()
    {
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        await using var cluster = await S3Cluster.StartAsync(withAgent: false);
        cluster.CreateSecret("cloud", "cloud", "[default]\naws_access_key_id=nobody\naws_secret_access_key=nonsense\n");
        CreateLocation(cluster, "default", "cloud", bucket.Name, GatewayBucket.Get("S3_ENDPOINT"), "\"validationFrequency\":\"0s\",");
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        Assert.Contains("the server does not know the access key", (string)location!["status"]!["message"]!, StringComparison.Ordinal);
        await cluster.PatchAsync(KubernetesResources.Secrets, "cloud", new JsonObject { ["data"] = new JsonObject { ["cloud"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(GatewayBucket.CredentialsFile)) } }.ToJsonString());
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await cluster.PatchAsync(VeleroResources.BackupStorageLocations, "default", """{"spec":{"objectStorage":{"bucket":"no-such-bucket-here"}}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
    }

    private static void CreateLocation(S3Cluster cluster, string name, string secret, string bucket, string url, string more = "") => cluster.Create($$"""
        {"apiVersion":"velero.io/v1","kind":"BackupStorageLocation","metadata":{"name":"{{name}}","namespace":"{{S3Cluster.System}}"},
         "spec":{"provider":"aws",{{more}}"objectStorage":{"bucket":"{{bucket}}","prefix":"{{name}}"},"credential":{"name":"{{secret}}","key":"cloud"},
                 "config":{"region":"us-east-1","s3ForcePathStyle":"true","s3Url":"{{url}}"} } }
        """);

    /// <summary>As a user does it, over TLS.</summary>
    private static async Task AddLocationAsync(S3Cluster cluster, GatewayBucket bucket)
    {
        cluster.CreateSecret("cloud-credentials", "cloud", GatewayBucket.CredentialsFile);
        await cluster.RunAsync(
            "backup-location", "create", "default", "--provider", "aws", "--bucket", bucket.Name, "--prefix", Prefix, "--default", "--backup-sync-period", "1s",
            "--config", $"region=us-east-1,s3ForcePathStyle=true,s3Url={GatewayBucket.Get("S3_ENDPOINT_TLS")}", "--credential", "cloud-credentials=cloud", "--cacert", GatewayBucket.Get("S3_CA_FILE"));
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }

    private static async Task<string> AddShopAsync(S3Cluster cluster)
    {
        cluster.Create("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}""");
        cluster.Create("""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"backup.velero.io/backup-volumes":"data"}},
             "spec":{"containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","emptyDir":{}}]}}
            """);
        return await cluster.VolumeOfAsync("shop", "web", "data");
    }

    private static List<string> NamesIn(string archive)
    {
        using var gzip = new GZipStream(File.OpenRead(archive), CompressionMode.Decompress);
        using var tar = new TarReader(gzip);
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name);
        return names;
    }
}
