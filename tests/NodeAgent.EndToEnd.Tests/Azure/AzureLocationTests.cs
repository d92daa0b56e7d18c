using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Azure;

/// <summary>Locations of provider azure on Azurite, with controller, agent and command line.</summary>
public sealed class AzureLocationTests
{
    private const string Prefix = "clusters/one";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_in_a_container_is_described_fetched_restored_in_another_cluster_and_deleted()
    {
        using var container = await AzuriteContainer.CreateAsync(Cancellation);
        await using var one = await S3Cluster.StartAsync(withAgent: true);
        await AddLocationAsync(one, container);
        one.Create("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}""");
        one.Create("""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"backup.velero.io/backup-volumes":"data"}},
             "spec":{"containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","emptyDir":{}}]}}
            """);
        await File.WriteAllTextAsync(Path.Combine(await one.VolumeOfAsync("shop", "web", "data"), "orders.txt"), "three apples", Cancellation);

        // 1. Backed up, and the files of the backup come to the command line by signed addresses.
        Assert.Contains("Completed", await one.RunAsync("backup", "create", "first", "--include-namespaces", "shop", "--wait"), StringComparison.Ordinal);
        Assert.Contains("level=info", await one.RunAsync("backup", "logs", "first"), StringComparison.Ordinal);
        Assert.Contains("shop/web", await one.RunAsync("backup", "describe", "first", "--details"), StringComparison.Ordinal);
        Assert.Contains($"{Prefix}/backups/first/velero-backup.json", await container.ListAsync($"{Prefix}/backups/", Cancellation));
        Assert.Contains(await container.ListAsync($"{Prefix}/plugins/nodeagent/", Cancellation), name => name.Contains("/snap", StringComparison.Ordinal));
        await one.RunAsync("repo", "maintain", "default-nodeagent");
        var maintained = await one.WaitAsync(VeleroResources.BackupRepositories, "default-nodeagent", "maintenance", r => r?["status"]?["recentMaintenance"] is JsonArray { Count: > 0 });
        Assert.Equal("Succeeded", (string?)maintained!["status"]!["recentMaintenance"]![0]!["result"]);

        // 2. Found by another cluster and restored there.
        await using var two = await S3Cluster.StartAsync(withAgent: true);
        two.CreateSecret("velero-repo-credentials", (await one.FindAsync(KubernetesResources.Secrets, S3Cluster.System, "velero-repo-credentials"))!["data"]!);
        await AddLocationAsync(two, container);
        await two.WaitForPhaseAsync(VeleroResources.Backups, "first", BackupPhase.Completed);
        Assert.Contains("Completed", await two.RunAsync("restore", "create", "back", "--from-backup", "first", "--wait"), StringComparison.Ordinal);
        Assert.Equal("three apples", await File.ReadAllTextAsync(Path.Combine(await two.VolumeOfAsync("shop", "web", "data"), "orders.txt"), Cancellation));

        // 3. Deleted in the one, gone from the container and then from the other.
        await one.RunAsync("backup", "delete", "first", "--confirm");
        await one.WaitAsync(VeleroResources.Backups, "first", "its end", b => b is null);
        Assert.Empty(await container.ListAsync($"{Prefix}/backups/", Cancellation));
        await two.WaitAsync(VeleroResources.Backups, "first", "its end", b => b is null);
    }

    [Fact]
    public async Task A_key_that_is_changed_in_its_Secret_counts_without_a_restart()
    {
        using var container = await AzuriteContainer.CreateAsync(Cancellation);
        await using var cluster = await S3Cluster.StartAsync(withAgent: false);
        cluster.CreateSecret("azure", "cloud", "AZURE_STORAGE_ACCOUNT_ACCESS_KEY=b2xk\n");
        await cluster.RunAsync("backup-location", "create", "default", "--provider", "velero.io/azure", "--bucket", container.Name, "--config", AzuriteContainer.Config, "--credential", "azure=cloud", "--validation-frequency", "1s");
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        Assert.Contains("the server does not accept the credentials", (string)location!["status"]!["message"]!, StringComparison.Ordinal);
        await ChangeKeyAsync(cluster, AzuriteContainer.CredentialsFile);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await ChangeKeyAsync(cluster, "AZURE_STORAGE_ACCOUNT_ACCESS_KEY=b2xk\n");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
    }

    private static Task ChangeKeyAsync(S3Cluster cluster, string credentials) => cluster.PatchAsync(
        KubernetesResources.Secrets, "azure", new JsonObject { ["data"] = new JsonObject { ["cloud"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)) } }.ToJsonString());

    private static async Task AddLocationAsync(S3Cluster cluster, AzuriteContainer container)
    {
        cluster.CreateSecret("azure", "cloud", AzuriteContainer.CredentialsFile);
        await cluster.RunAsync(
            "backup-location", "create", "default", "--provider", "azure", "--bucket", container.Name, "--prefix", Prefix, "--default", "--backup-sync-period", "1s",
            "--config", AzuriteContainer.Config, "--credential", "azure=cloud");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }
}
