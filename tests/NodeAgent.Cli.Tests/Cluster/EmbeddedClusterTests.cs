using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;
using NodeAgent.DevCluster;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>The verbs against an API server that holds every object to the schema of its custom resource.</summary>
public sealed class EmbeddedClusterTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private EmbeddedCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = _directory["cluster"], RunNodes = false }, TestContext.Current.CancellationToken);
        _cluster.Create("{apiVersion: v1, kind: Namespace, metadata: {name: velero}}");
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Every_object_that_is_created_fits_its_schema_and_comes_back_as_it_was_asked_for()
    {
        (await RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--config", "path=/backups", "--default", "--validation-frequency", "30s")).Expect(0);
        (await RunAsync("snapshot-location", "create", "snaps", "--provider", "csi", "--config", "a=b", "--credential", "cloud=key")).Expect(0);
        (await RunAsync(
            "backup", "create", "b1", "--storage-location", "default", "--include-namespaces", "shop", "-l", "app=x,tier notin (db)", "--ttl", "24h", "--snapshot-volumes=false",
            "--default-volumes-to-fs-backup", "--ordered-resources", "pods=shop/a", "--resource-policies-configmap", "policies", "--parallel-files-upload", "4",
            "--csi-snapshot-timeout", "5m", "--labels", "team=red", "--annotations", "note=hello")).Expect(0);
        (await RunAsync("backup", "create", "b2", "--or-selector", "a=b or c=d", "--include-cluster-scoped-resources", "nodes")).Expect(0);
        (await RunAsync("schedule", "create", "s1", "--schedule", "0 2 * * *", "--skip-immediately=true", "--use-owner-references-in-backup")).Expect(0);
        (await RunAsync("restore", "create", "r1", "--from-backup", "b1", "--namespace-mappings", "shop:shop2", "--existing-resource-policy", "update",
            "--status-include-resources", "pods", "--resource-modifier-configmap", "changes", "--write-sparse-files")).Expect(0);

        var backup = JsonNode.Parse((await RunAsync("backup", "get", "b1", "-o", "json")).Expect(0).Output)!;
        Assert.Equal("24h0m0s", backup["spec"]!["ttl"]!.GetValue<string>());
        Assert.Equal("policies", backup["spec"]!["resourcePolicy"]!["name"]!.GetValue<string>());
        Assert.Equal(4, backup["spec"]!["uploaderConfig"]!["parallelFilesUpload"]!.GetValue<int>());
        Assert.Equal("NotIn", backup["spec"]!["labelSelector"]!["matchExpressions"]![0]!["operator"]!.GetValue<string>());
        Assert.Matches("^b1 +New +0 +0 ", (await RunAsync("backup", "get")).Expect(0).Output.Split('\n')[1]);
        Assert.Contains("  path: /backups\n", (await RunAsync("backup-location", "get", "-o", "yaml")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("shop=shop2", (await RunAsync("restore", "describe", "r1")).Expect(0).Output, StringComparison.Ordinal);
        (await RunAsync("backup", "create", "b1")).ExpectError(1, "there is one already");
    }

    [Fact]
    public async Task An_invalid_name_is_refused_with_the_servers_reason() =>
        (await RunAsync("backup", "create", "Not_A_Name")).ExpectError(1, "Not_A_Name", "refused");

    [Fact]
    public async Task A_log_is_fetched_once_the_server_has_answered_the_request()
    {
        (await RunAsync("backup", "create", "b1")).Expect(0);
        await PatchStatusAsync("backups", "b1", new JsonObject { ["phase"] = "Completed" });
        var log = _directory["log.gz"];
        using (var gzip = new System.IO.Compression.GZipStream(File.Create(log), System.IO.Compression.CompressionLevel.Fastest))
            gzip.Write("all went well\n"u8);

        var logs = RunAsync("backup", "logs", "b1");
        string? request = null;
        for (var tries = 0; tries < 200 && request is null; tries++)
        {
            request = (await ListNamesAsync("downloadrequests")).FirstOrDefault();
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        await PatchStatusAsync("downloadrequests", request!, new JsonObject { ["phase"] = "Processed", ["downloadURL"] = new Uri(log).AbsoluteUri });
        Assert.Equal("all went well\n", (await logs).Expect(0).Output);
        Assert.Empty(await ListNamesAsync("downloadrequests"));
    }

    [Fact]
    public async Task Deleting_leaves_a_request_for_a_backup_and_removes_the_rest()
    {
        (await RunAsync("backup", "create", "b1")).Expect(0);
        (await RunAsync("schedule", "create", "s1", "--schedule", "@daily")).Expect(0);
        (await RunAsync("backup", "delete", "b1", "--confirm")).Expect(0);
        Assert.StartsWith("b1-", Assert.Single(await ListNamesAsync("deletebackuprequests")), StringComparison.Ordinal);
        (await RunAsync("delete", "schedules", "--all", "--confirm")).Expect(0);
        Assert.Empty(await ListNamesAsync("schedules"));
    }

    [Theory]
    [InlineData("controller")]
    [InlineData("server")]
    public async Task The_controller_checks_a_location_and_ends_with_0_when_asked_to_stop(string verb)
    {
        var environment = new CommandEnvironment { Variables = { ["KUBECONFIG"] = _cluster.KubeconfigPath } };
        using var process = NodeAgentProcess.Start(environment, verb, "--leader-election=false", "--log-format", "json");
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var backups = Directory.CreateDirectory(_directory["backups"]).FullName;
        (await RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--config", $"path={backups}")).Expect(0);
        var phase = "";
        for (var tries = 0; tries < 400 && phase != "Available" && !process.HasExited; tries++)
        {
            var location = JsonNode.Parse((await RunAsync("backup-location", "get", "default", "-o", "json")).Expect(0).Output)!;
            phase = location["status"]?["phase"]?.GetValue<string>() ?? "";
        }

        if (!process.HasExited)
            Signals.Send(process.Id, Signals.Terminate);
        var result = (await NodeAgentProcess.FinishAsync(process, output, error)).Expect(0);
        Assert.Equal("Available", phase);
        Assert.Empty(result.Output);
        Assert.All(result.ErrorLines, line => Assert.NotNull(JsonNode.Parse(line)));
    }

    [Fact]
    public async Task A_namespace_is_backed_up_deleted_and_restored_with_the_real_controller()
    {
        _cluster.Create("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {color: red}}");
        var environment = new CommandEnvironment { Variables = { ["KUBECONFIG"] = _cluster.KubeconfigPath } };
        using var process = NodeAgentProcess.Start(environment, "controller", "--leader-election=false");
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            (await RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--config", $"path={Directory.CreateDirectory(_directory["backups"]).FullName}", "--default")).Expect(0);
            var created = (await RunAsync("backup", "create", "b1", "--include-namespaces", "shop", "--wait")).Expect(0);
            Assert.Contains("Backup completed with status: Completed.", created.Output, StringComparison.Ordinal);

            Assert.NotEmpty((await RunAsync("backup", "logs", "b1")).Expect(0).Output);
            var described = (await RunAsync("backup", "describe", "b1", "--details")).Expect(0);
            Assert.Contains("shop/settings", described.Output, StringComparison.Ordinal);
            (await RunAsync("backup", "download", "b1", "--output", _directory["b1.tar.gz"])).Expect(0);
            Assert.True(new FileInfo(_directory["b1.tar.gz"]).Length > 100);

            using (var http = new HttpClient { BaseAddress = _cluster.Address })
                (await http.DeleteAsync("api/v1/namespaces/shop/configmaps/settings", TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();
            (await RunAsync("restore", "create", "r1", "--from-backup", "b1", "--wait")).Expect(0);
            using (var http = new HttpClient { BaseAddress = _cluster.Address })
                Assert.Contains("red", await http.GetStringAsync("api/v1/namespaces/shop/configmaps/settings", TestContext.Current.CancellationToken), StringComparison.Ordinal);
            Assert.Contains("Completed", (await RunAsync("restore", "describe", "r1", "--details")).Expect(0).Output, StringComparison.Ordinal);
            Assert.NotEmpty((await RunAsync("restore", "logs", "r1")).Expect(0).Output);
            Assert.Contains("Server:", (await RunAsync("version")).Expect(0).Output, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited)
                Signals.Send(process.Id, Signals.Terminate);
            (await NodeAgentProcess.FinishAsync(process, output, error)).Expect(0);
        }
    }

    [Fact]
    public async Task Settings_of_the_controller_that_make_no_sense_are_refused_at_the_start() =>
        (await RunAsync("controller", "--pod-schedule-namespaces", "shop,a.b", "--concurrent-backups", "0", "--item-block-worker-count", "101", "--global-backup-volume-policies-configmap", "No", "--default-resource-modifier-configmap", "a/b", "--disable-controllers", "backups")).ExpectError(
            2, "pod-schedule-namespaces: \"a.b\" is no name of a namespace and no wildcard; concurrent-backups: must be at least 1; item-block-worker-count: must be from 1 to 100; global-backup-volume-policies-configmap: \"No\" is no name of a ConfigMap; default-resource-modifier-configmap: \"a/b\" is no name of a ConfigMap; disable-controllers: \"backups\" is no controller");

    /// <summary>The one setting that makes no sense ends it, so that none of the others was refused.</summary>
    [Fact]
    public async Task Arguments_of_a_Deployment_for_Velero_are_taken() =>
        (await RunAsync(
            "server", "--features=EnableCSI", "--default-volume-snapshot-locations", "aws:east,portworx:cloud", "--uploader-type=kopia", "--client-qps", "20", "--client-burst=30", "--client-page-size=500", "--garbage-collection-frequency=1h", "--item-block-worker-count=1",
            "--item-operation-sync-frequency", "10s", "--max-concurrent-k8s-connections", "30", "--plugin-dir=/plugins", "--profiler-address=localhost:6060", "--terminating-resource-timeout=10m",
            "--default-item-operation-timeout=4h", "--backup-repository-configmap", "c", "--repo-maintenance-job-configmap=c", "--keep-latest-maintenance-jobs=3", "--features=", "--disable-informer-cache=false",
            "--backup-sync-period=30s", "--restore-only", "--disable-controllers=gc,backup-sync", "--concurrent-backups=0")).ExpectError(2, "concurrent-backups: must be at least 1");

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["KUBECONFIG"] = _cluster.KubeconfigPath } }, arguments);

    private async Task PatchStatusAsync(string plural, string name, JsonObject status)
    {
        using var http = new HttpClient { BaseAddress = _cluster.Address };
        using var content = new StringContent(new JsonObject { ["status"] = status }.ToJsonString(), Encoding.UTF8, new MediaTypeHeaderValue("application/merge-patch+json"));
        using var response = await http.PatchAsync($"apis/velero.io/v1/namespaces/velero/{plural}/{name}/status", content, TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private async Task<string[]> ListNamesAsync(string plural)
    {
        using var http = new HttpClient { BaseAddress = _cluster.Address };
        var list = JsonNode.Parse(await http.GetStringAsync($"apis/velero.io/v1/namespaces/velero/{plural}", TestContext.Current.CancellationToken))!;
        return [.. list["items"]!.AsArray().Select(item => item!["metadata"]!["name"]!.GetValue<string>())];
    }
}
