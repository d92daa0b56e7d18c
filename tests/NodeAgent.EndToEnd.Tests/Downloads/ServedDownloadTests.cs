using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Downloads;

/// <summary>Files of a location that is a directory of the cluster, on a machine that does not have it.</summary>
public sealed class ServedDownloadTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("served-downloads-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Files_of_a_directory_come_from_the_controller_by_way_of_the_API_server()
    {
        await using var cluster = await S3Cluster.StartAsync(withAgent: false);
        cluster.Create("{apiVersion: v1, kind: Namespace, metadata: {name: shop} }\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop} }");
        await cluster.RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--default", "--config", $"path={_directory.CreateSubdirectory("location").FullName}");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        Assert.Contains("Completed", await cluster.RunAsync("backup", "create", "first", "--include-namespaces", "shop", "--wait"), StringComparison.Ordinal);

        cluster.Create("{apiVersion: velero.io/v1, kind: DownloadRequest, metadata: {name: mine, namespace: velero}, spec: {target: {kind: BackupLog, name: first} } }");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "mine", DownloadRequestPhase.Processed);
        Assert.StartsWith("http://velero.velero.svc:8087/download/mine?token=", (string?)request!["status"]!["downloadURL"], StringComparison.Ordinal);

        Assert.Contains("level=info", await cluster.RunAsync("backup", "logs", "first"), StringComparison.Ordinal);
        Assert.Contains("shop/settings", await cluster.RunAsync("backup", "describe", "first", "--details"), StringComparison.Ordinal);
        var archive = Path.Combine(_directory.FullName, "first.tar.gz");
        await cluster.RunAsync("backup", "download", "first", "--output", archive);
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_directory.FullName, "location/backups/first/first.tar.gz"), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(archive, TestContext.Current.CancellationToken));
    }
}
