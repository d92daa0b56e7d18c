using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Requests;

public sealed class RequestTests
{
    [Fact]
    public async Task A_download_of_a_directory_location_is_a_file_URL()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(VeleroResources.DownloadRequests, """{"metadata":{"name":"q","namespace":"velero"},"spec":{"target":{"kind":"BackupContents","name":"b"}}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "q", DownloadRequestPhase.Processed);
        var url = new Uri(request.Text("status", "downloadURL")!);
        Assert.True(url.IsFile);
        Assert.True(File.Exists(url.LocalPath));
    }

    [Fact]
    public async Task An_address_that_was_given_out_is_not_replaced_by_a_second_one()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var writes = 0;
        // As when a request is looked at twice: while the second look writes its address, that of the first is there already.
        cluster.Api.Interfere = request =>
        {
            if (request.Method != "PATCH" || !request.Path.Value!.Contains("/downloadrequests/q", StringComparison.Ordinal) || Interlocked.Increment(ref writes) > 1) return null;
            cluster.Api.Patch(VeleroResources.DownloadRequests, "velero", "q", """{"status":{"phase":"Processed","downloadURL":"https://first","expiration":"2999-01-01T00:00:00Z"}}""");
            return null;
        };
        cluster.Api.Add(VeleroResources.DownloadRequests, """{"metadata":{"name":"q","namespace":"velero"},"spec":{"target":{"kind":"BackupContents","name":"b"}}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "q", DownloadRequestPhase.Processed);
        cluster.Api.Add(VeleroResources.DownloadRequests, """{"metadata":{"name":"later","namespace":"velero"},"spec":{"target":{"kind":"BackupContents","name":"b"}}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "later", DownloadRequestPhase.Processed);
        Assert.Equal("https://first", cluster.Api.Find(VeleroResources.DownloadRequests, "velero", "q")!.Text("status", "downloadURL"));
        Assert.Equal(1, writes);
    }

    [Theory]
    [InlineData("BackupLog", "missing", "does not exist")]
    [InlineData("BackupLog", "../../../etc/passwd", "no name of a backup")]
    [InlineData("RestoreLog", "missing", "restore \\\"missing\\\" does not exist")]
    [InlineData("Everything", "b", "not known")]
    public async Task A_download_that_cannot_be_had_says_why(string kind, string name, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.DownloadRequests, $$$"""{"metadata":{"name":"q","namespace":"velero"},"spec":{"target":{"kind":"{{{kind}}}","name":"{{{name}}}"} } }""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, "q", DownloadRequestPhase.Failed);
        Assert.Contains(message.Replace("\\", "", StringComparison.Ordinal), request.Text("status", "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_kind_of_file_can_be_fetched()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        // Of older backups of Velero; none is made here.
        string[] legacy = [DownloadTargetKind.CSIBackupVolumeSnapshots, DownloadTargetKind.CSIBackupVolumeSnapshotContents];
        string[] kinds = [.. typeof(DownloadTargetKind).GetFields().Select(field => (string)field.GetRawConstantValue()!)];
        Assert.Equal(14, kinds.Length);
        foreach (var kind in kinds)
        {
            var (request, name) = (kind.ToLowerInvariant(), kind.StartsWith("Restore", StringComparison.Ordinal) ? "r" : "b");
            cluster.Api.Add(VeleroResources.DownloadRequests, $$$"""{"metadata":{"name":"{{{request}}}","namespace":"velero"},"spec":{"target":{"kind":"{{{kind}}}","name":"{{{name}}}"} } }""");
            var answer = await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, request, DownloadRequestPhase.Processed, DownloadRequestPhase.Failed);
            Assert.Null(answer.Text("status", "message"));
            var path = new Uri(answer.Text("status", "downloadURL")!).LocalPath;
            Assert.True(File.Exists(path) || legacy.Contains(kind), $"{kind}: {path}");
            Assert.NotNull(answer.Text("status", "expiration"));
        }
    }

    [Fact]
    public async Task The_server_tells_its_version()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.ServerStatusRequests, """{"metadata":{"name":"q","namespace":"velero"},"spec":{}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.ServerStatusRequests, "q", ServerStatusRequestPhase.Processed);
        Assert.StartsWith("nodeagent ", request.Text("status", "serverVersion"), StringComparison.Ordinal);
        Assert.NotNull(request.Text("status", "processedTimestamp"));
        Assert.Contains(request.Objects("status", "plugins"), p => p.Text("name") == "nodeagent.io/filesystem" && p.Text("kind") == "ObjectStore");
        Assert.Equal(["nodeagent.io/aws", "nodeagent.io/csi"], request.Objects("status", "plugins").Where(p => p.Text("kind") == "VolumeSnapshotter").Select(p => p.Text("name")));
    }
}
