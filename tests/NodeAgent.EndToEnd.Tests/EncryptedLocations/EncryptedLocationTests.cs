using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.EncryptedLocations;

/// <summary>Locations with <c>encryptMetadata</c>, with controller, agent and command line as users have them.</summary>
public sealed class EncryptedLocationTests : IDisposable
{
    private const string Shown = "text-of-the-configmap-5d1f";
    private const string Secret = "text-of-the-secret-9a27";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("encrypted-location-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_backup_in_an_encrypted_bucket_is_described_fetched_and_restored_in_another_cluster()
    {
        using var bucket = await GatewayBucket.CreateAsync(Cancellation);
        await MigrateAsync(cluster => AddBucketAsync(cluster, bucket));
        var keys = await bucket.ListAsync("", Cancellation);
        Assert.Contains("clusters/one/backups/first/first.tar.gz", keys);
        Assert.Contains("clusters/one/restores/back/restore-back-logs.gz", keys);
        foreach (var key in keys)
        {
            var content = await bucket.ReadAsync(key, Cancellation);
            Assert.False(content is [0x1f, 0x8b, ..], $"{key} is a gzip");
            foreach (var text in new[] { Shown, Secret, Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret)) })
                Assert.True(content.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) < 0, $"{key} shows {text}");
        }
    }

    [Fact]
    public async Task A_backup_in_an_encrypted_directory_is_described_fetched_and_restored_in_another_cluster()
    {
        var location = _directory.CreateSubdirectory("location").FullName;
        await MigrateAsync(async cluster =>
        {
            await cluster.RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--default", "--backup-sync-period", "1s", "--config", $"path={location},encryptMetadata=true");
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        });
        Assert.Equal("NAGF"u8.ToArray(), (await File.ReadAllBytesAsync(Path.Combine(location, "backups/first/first.tar.gz"), Cancellation))[..4]);
    }

    private async Task MigrateAsync(Func<S3Cluster, Task> addLocation)
    {
        await using var one = await S3Cluster.StartAsync(withAgent: true);
        await addLocation(one);
        one.Create($$$"""
            apiVersion: v1
            kind: Namespace
            metadata: {name: shop}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings, namespace: shop}
            data: {k: {{{Shown}}} }
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: keys, namespace: shop}
            data: {k: "{{{Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}}}"}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: shop, annotations: {backup.velero.io/backup-volumes: data}}
            spec:
              containers: [{name: web, image: example.com/web:1, volumeMounts: [{name: data, mountPath: /data}]}]
              volumes: [{name: data, emptyDir: {}}]
            """);
        await File.WriteAllTextAsync(Path.Combine(await one.VolumeOfAsync("shop", "web", "data"), "orders.txt"), "three apples", Cancellation);

        // 1. Backed up; what the command line fetches is clear.
        Assert.Contains("Completed", await one.RunAsync("backup", "create", "first", "--include-namespaces", "shop", "--wait"), StringComparison.Ordinal);
        Assert.Contains("level=info", await one.RunAsync("backup", "logs", "first"), StringComparison.Ordinal);
        var description = await one.RunAsync("backup", "describe", "first", "--details");
        Assert.Contains("shop/settings", description, StringComparison.Ordinal);
        Assert.Contains("shop/web", description, StringComparison.Ordinal);
        var archive = Path.Combine(_directory.FullName, "first.tar.gz");
        await one.RunAsync("backup", "download", "first", "--output", archive);
        Assert.Contains(Shown, ReadEntry(archive, "resources/configmaps/namespaces/shop/settings.json"), StringComparison.Ordinal);

        // 2. Found and restored by another cluster that has the repository's Secret.
        await using var two = await S3Cluster.StartAsync(withAgent: true);
        two.CreateSecret("velero-repo-credentials", (await one.FindAsync(KubernetesResources.Secrets, S3Cluster.System, "velero-repo-credentials"))!["data"]!);
        await addLocation(two);
        await two.WaitForPhaseAsync(VeleroResources.Backups, "first", BackupPhase.Completed);
        Assert.Contains("Completed", await two.RunAsync("restore", "create", "back", "--from-backup", "first", "--wait"), StringComparison.Ordinal);
        Assert.Equal(Shown, (string?)(await two.FindAsync(KubernetesResources.ConfigMaps, "shop", "settings"))!["data"]!["k"]);
        Assert.Equal(Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret)), (string?)(await two.FindAsync(KubernetesResources.Secrets, "shop", "keys"))!["data"]!["k"]);
        Assert.Equal("three apples", await File.ReadAllTextAsync(Path.Combine(await two.VolumeOfAsync("shop", "web", "data"), "orders.txt"), Cancellation));
        Assert.Contains("level=info", await two.RunAsync("restore", "logs", "back"), StringComparison.Ordinal);
        Assert.Contains("Completed", await two.RunAsync("restore", "describe", "back", "--details"), StringComparison.Ordinal);
    }

    private static async Task AddBucketAsync(S3Cluster cluster, GatewayBucket bucket)
    {
        cluster.CreateSecret("cloud", "cloud", GatewayBucket.CredentialsFile);
        await cluster.RunAsync(
            "backup-location", "create", "default", "--provider", "aws", "--bucket", bucket.Name, "--prefix", "clusters/one", "--default", "--backup-sync-period", "1s", "--credential", "cloud=cloud",
            "--config", $"region=us-east-1,s3Url={GatewayBucket.Get("S3_ENDPOINT")},encryptMetadata=true");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }

    private static string ReadEntry(string archive, string name)
    {
        using var tar = new TarReader(new GZipStream(File.OpenRead(archive), CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.Name != name) continue;
            using var reader = new StreamReader(entry.DataStream!, Encoding.UTF8);
            return reader.ReadToEnd();
        }

        return "";
    }
}
