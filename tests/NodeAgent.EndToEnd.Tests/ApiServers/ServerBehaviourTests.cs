using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Watching;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>What the client, the definitions and the manifests rely on, asked of both API servers.</summary>
public sealed class ServerBehaviourTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>For each kind an object that the definition takes, one that it refuses, and the field that it then names.</summary>
    private static readonly (string Kind, string Right, string Wrong, string Field)[] Samples =
    [
        ("Backup", """{"ttl":"1h0m0s","includedNamespaces":["a",""],"labelSelector":{"matchLabels":{"a":""}},"snapshotVolumes":false,"hooks":{"resources":[{"name":"h","pre":[{"exec":{"command":["x"],"onError":"Fail"}}]}]}}""", """{"hooks":{"resources":[{"name":"h","pre":[{"exec":{"command":[]}}]}]}}""", "spec.hooks.resources"),
        ("Restore", """{"backupName":"b","namespaceMapping":{"a":"b"},"restorePVs":true,"existingResourcePolicy":"update"}""", """{"backupName":"b","namespaceMapping":["a"]}""", "spec.namespaceMapping"),
        ("Schedule", """{"schedule":"0 2 * * *","template":{"ttl":"24h0m0s"},"paused":false}""", """{"template":{}}""", "spec.schedule"),
        ("BackupStorageLocation", """{"provider":"filesystem","config":{"path":"/x"},"objectStorage":{"bucket":""},"default":true,"accessMode":"ReadWrite","credential":{"key":"k","name":"n"}}""", """{"provider":"aws","objectStorage":{"bucket":"b"},"accessMode":"Sometimes"}""", "spec.accessMode"),
        ("VolumeSnapshotLocation", """{"provider":"csi","config":{"a":""}}""", """{"config":{}}""", "spec.provider"),
        ("BackupRepository", """{"volumeNamespace":"n","backupStorageLocation":"default","repositoryType":"kopia","resticIdentifier":"","maintenanceFrequency":"1h0m0s"}""", """{"volumeNamespace":"n","backupStorageLocation":"default","repositoryType":"tape","resticIdentifier":"","maintenanceFrequency":"1h0m0s"}""", "spec.repositoryType"),
        ("DeleteBackupRequest", """{"backupName":"b"}""", """{}""", "spec.backupName"),
        ("DownloadRequest", """{"target":{"kind":"BackupLog","name":"b"}}""", """{"target":{"kind":"Everything","name":"b"}}""", "spec.target.kind"),
        ("ServerStatusRequest", """{}""", """[]""", "spec"),
        ("PodVolumeBackup", """{"node":"n","pod":{"namespace":"a","name":"p"},"volume":"v","backupStorageLocation":"l","repoIdentifier":"","uploaderType":"kopia","tags":{"a":""}}""", """{"node":"n","pod":{},"volume":"v","backupStorageLocation":"l","repoIdentifier":"","uploaderType":"rsync"}""", "spec.uploaderType"),
        ("PodVolumeRestore", """{"pod":{"namespace":"a","name":"p"},"volume":"v","backupStorageLocation":"l","repoIdentifier":"","uploaderType":"kopia","snapshotID":"s","sourceNamespace":"a"}""", """{"pod":{},"volume":"v","backupStorageLocation":"l","repoIdentifier":"","snapshotID":"s"}""", "spec.sourceNamespace"),
    ];

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task Every_definition_takes_what_is_right_and_refuses_what_is_wrong(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        Assert.Equal(VeleroResources.All.Select(r => r.Kind).Where(k => !k.StartsWith("Data", StringComparison.Ordinal)).Order(StringComparer.Ordinal), Samples.Select(s => s.Kind).Order(StringComparer.Ordinal));
        foreach (var (kind, right, wrong, field) in Samples)
        {
            var resource = VeleroResources.All.Single(r => r.Kind == kind);
            await cluster.CreateAsync(Sample(resource, right).ToJsonString());
            var stored = await cluster.GetAsync(resource, SuiteCluster.System, "sample");
            // Nothing is pruned, and nothing is put in.
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(right), stored["spec"]), $"{kind}: {stored["spec"]?.ToJsonString()}");
            Assert.Equal(1, (int?)stored["metadata"]!["generation"]);

            var bad = Sample(resource, wrong);
            bad["metadata"]!["name"] = "bad";
            var refusal = await Record.ExceptionAsync(() => cluster.Api.CreateAsync(resource, SuiteCluster.System, new KubernetesObject(bad), Cancellation));
            Assert.True(refusal is ApiException { IsInvalid: true } && refusal.Message.Contains(field, StringComparison.Ordinal), $"{kind}: {refusal?.Message ?? "it was taken"}");

            // The status has a way of its own, and is no change of the object's generation.
            var phase = kind is "BackupStorageLocation" or "VolumeSnapshotLocation" ? "Available" : kind == "BackupRepository" ? "Ready" : "New";
            await cluster.PatchAsync(resource, SuiteCluster.System, "sample", $$$"""{"status":{"phase":"{{{phase}}}"},"metadata":{"labels":{"a":"b"} } }""");
            Assert.Null((await cluster.GetAsync(resource, SuiteCluster.System, "sample"))["status"]?["phase"]);
            await cluster.PatchStatusAsync(resource, SuiteCluster.System, "sample", $$"""{"phase":"{{phase}}"}""");
            stored = await cluster.GetAsync(resource, SuiteCluster.System, "sample");
            Assert.Equal((phase, 1), ((string?)stored["status"]!["phase"], (int?)stored["metadata"]!["generation"]));
        }
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task A_write_on_top_of_an_older_version_is_a_conflict(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        await cluster.CreateAsync(Sample(VeleroResources.Backups, "{}").ToJsonString());
        var seen = await cluster.Api.GetAsync(VeleroResources.Backups, SuiteCluster.System, "sample", Cancellation);
        await cluster.PatchAsync(VeleroResources.Backups, SuiteCluster.System, "sample", """{"metadata":{"labels":{"by":"another"}}}""");

        var patch = await Assert.ThrowsAsync<ApiException>(() => cluster.Api.PatchStatusAsync(VeleroResources.Backups, SuiteCluster.System, "sample", new JsonObject { ["phase"] = "New" }, seen.ResourceVersion, Cancellation));
        var replace = await Assert.ThrowsAsync<ApiException>(() => cluster.Api.ReplaceAsync(VeleroResources.Backups, SuiteCluster.System, "sample", seen, Cancellation));
        var create = await Assert.ThrowsAsync<ApiException>(() => cluster.CreateAsync(Sample(VeleroResources.Backups, "{}").ToJsonString()));
        var delete = await Assert.ThrowsAsync<ApiException>(() => cluster.Api.DeleteAsync(VeleroResources.Backups, SuiteCluster.System, "sample", new DeleteOptions { Uid = "00000000-0000-0000-0000-000000000000" }, Cancellation));
        Assert.All([patch, replace, create, delete], e => Assert.Equal(HttpStatusCode.Conflict, e.StatusCode));
        Assert.Equal(("Conflict", "Conflict", "AlreadyExists", "Conflict"), (patch.Reason, replace.Reason, create.Reason, delete.Reason));

        // Field by field: a manager that does not force meets the one who has the field.
        var applied = Sample(VeleroResources.Backups, """{"ttl":"1h0m0s"}""");
        await cluster.Api.ApplyAsync(VeleroResources.Backups, SuiteCluster.System, "sample", new KubernetesObject(applied), "one", force: false, Cancellation);
        var other = Sample(VeleroResources.Backups, """{"ttl":"2h0m0s"}""");
        var owned = await Assert.ThrowsAsync<ApiException>(() => cluster.Api.ApplyAsync(VeleroResources.Backups, SuiteCluster.System, "sample", new KubernetesObject(other), "two", force: false, Cancellation));
        Assert.Equal(HttpStatusCode.Conflict, owned.StatusCode);
        Assert.Contains(".spec.ttl", owned.Message, StringComparison.Ordinal);
        await cluster.Api.ApplyAsync(VeleroResources.Backups, SuiteCluster.System, "sample", new KubernetesObject(other), "two", force: true, Cancellation);
        Assert.Equal("2h0m0s", (string?)(await cluster.GetAsync(VeleroResources.Backups, SuiteCluster.System, "sample"))["spec"]!["ttl"]);
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task What_the_server_has_forgotten_is_410_and_lists_and_informers_begin_anew(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        var ns = cluster.Name("many");
        await cluster.CreateAsync($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{ns}}"} }""");
        for (var i = 0; i < 7; i++) await CreateCountedAsync(cluster, ns, i);

        // A list of which the next page is asked for too late.
        var pages = cluster.Api.ListPagesAsync(KubernetesResources.ConfigMaps, ns, new ListOptions { LabelSelector = "counted", PageSize = 3 }, KubernetesJsonContext.Default.KubernetesObject, Cancellation).GetAsyncEnumerator(Cancellation);
        await using (pages)
        {
            Assert.True(await pages.MoveNextAsync());
            await CreateCountedAsync(cluster, ns, 7);
            await cluster.CompactAsync();
            var late = await Assert.ThrowsAsync<ApiException>(async () => await pages.MoveNextAsync());
            Assert.True(late.IsGone, $"{late.StatusCode} {late.Reason}: {late.Message}");
        }

        // A watch from before the definition was made; a real server remembers for each resource apart from the others.
        var group = $"{ns}.example.com";
        await cluster.CreateAsync($$"""
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: things.{{group}} }
            spec:
              group: {{group}}
              scope: Namespaced
              names: {plural: things, kind: Thing}
              versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object} } }]
            ---
            {"apiVersion":"{{group}}/v1","kind":"Thing","metadata":{"name":"thing","namespace":"{{ns}}"} }
            """);
        await cluster.CompactAsync();
        var tooOld = await Assert.ThrowsAsync<ApiException>(async () =>
        {
            await foreach (var change in cluster.Api.WatchAsync(new ResourceKind(group, "v1", "things", "Thing"), ns, new WatchOptions { ResourceVersion = "1" }, KubernetesJsonContext.Default.KubernetesObject, Cancellation))
                Assert.Fail($"{change.Type} came from a version that should be forgotten");
        });
        Assert.True(tooOld.IsGone, $"{tooOld.StatusCode} {tooOld.Reason}: {tooOld.Message}");

        await cluster.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, $"things.{group}");
        // What is built on them sees everything all the same, once.
        var all = await cluster.Api.ListAllAsync(KubernetesResources.ConfigMaps, ns, new ListOptions { LabelSelector = "counted", PageSize = 3 }, KubernetesJsonContext.Default.KubernetesObject, Cancellation);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"c{i}"), all.Items.Select(o => o.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task An_informer_follows_changes_over_the_ends_of_its_watches(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        var ns = cluster.Name("watched");
        await cluster.CreateAsync($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{ns}}"} }""");
        await CreateCountedAsync(cluster, ns, 0);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        // The server ends each watch after a second or so.
        var informer = Informer.Of(cluster.Api, KubernetesResources.ConfigMaps, new InformerOptions { Namespace = ns, LabelSelector = "counted", WatchTimeout = TimeSpan.FromSeconds(1), MinBackoff = TimeSpan.FromMilliseconds(50) });
        var running = informer.RunAsync(stop.Token);
        for (var i = 1; i < 6; i++)
        {
            await CreateCountedAsync(cluster, ns, i);
            await cluster.CompactAsync();
            await cluster.DeleteAsync(KubernetesResources.ConfigMaps, ns, $"c{i - 1}");
            await Task.Delay(500, Cancellation);
        }

        var began = DateTime.UtcNow;
        while (string.Join(' ', informer.List().Select(o => o.Name)) != "c5")
        {
            Assert.True(DateTime.UtcNow - began < TimeSpan.FromSeconds(30), $"the informer has {string.Join(' ', informer.List().Select(o => o.Name))}");
            await Task.Delay(50, Cancellation);
        }

        await stop.CancelAsync();
        await running.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task The_manifests_apply_on_the_server_side_and_a_second_time_nothing_changes(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, servers: false);
        Assert.SkipUnless(await CanRunAsync(), "kubectl is not installed: apt-get install kubernetes-client");
        string[] apply = ["apply", "--server-side", "--force-conflicts", "--field-manager", "suite", "-k", Path.Combine(Checkout.Root, "daemonset")];
        var first = await KubectlAsync(cluster, apply);
        var kustomization = YamlJson.Parse(await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "daemonset", "kustomization.yaml"), Cancellation))!;
        Assert.Equal(kustomization["resources"]!.AsArray().Count, first.Split('\n').Count(line => line.EndsWith("serverside-applied", StringComparison.Ordinal)));
        var before = await VersionsAsync(cluster);
        await KubectlAsync(cluster, apply);
        Assert.Equal(before, await VersionsAsync(cluster));
        await KubectlAsync(cluster, [.. apply, "--dry-run=server"]);

        // What "install" sends is the same, under its own name.
        await cluster.RunAsync("install", "--provider", "filesystem", "--no-default-backup-location", "--no-secret", "--apply");
        await cluster.RunAsync("install", "--provider", "filesystem", "--no-default-backup-location", "--no-secret", "--apply");
        Assert.Equal(before.Count, (await VersionsAsync(cluster)).Count);
    }

    [Fact]
    public async Task The_service_accounts_may_do_their_work_and_nothing_else()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            {"apiVersion":"v1","kind":"Secret","metadata":{"name":"keys","namespace":"{{shop}}"} }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"{{shop}}"} }
            """);
        using var agent = new ApiClient(await cluster.ConfigOfAsync("node-agent"));
        using var controller = new ApiClient(await cluster.ConfigOfAsync("velero"));
        (string What, Func<Task> Try)[] forbidden =
        [
            ("the agent reads a Secret of another namespace", () => agent.GetAsync(KubernetesResources.Secrets, shop, "keys", Cancellation)),
            ("the agent lists Secrets", () => agent.ListAllAsync(KubernetesResources.Secrets, SuiteCluster.System, new ListOptions(), KubernetesJsonContext.Default.KubernetesObject, Cancellation)),
            ("the agent reads a ConfigMap", () => agent.GetAsync(KubernetesResources.ConfigMaps, shop, "settings", Cancellation)),
            ("the agent deletes a pod", () => agent.DeleteAsync(KubernetesResources.Pods, shop, "any", new DeleteOptions(), Cancellation)),
            ("the agent changes a backup", () => agent.PatchStatusAsync(VeleroResources.Backups, SuiteCluster.System, "any", [], null, Cancellation)),
            ("the agent runs a command", () => agent.ExecAsync(shop, "any", null, ["id"], Stream.Null, Stream.Null, Cancellation)),
            ("the controller deletes what is not its own", () => controller.DeleteAsync(KubernetesResources.ConfigMaps, shop, "settings", new DeleteOptions(), Cancellation)),
            ("the controller deletes a namespace", () => controller.DeleteAsync(KubernetesResources.Namespaces, null, shop, new DeleteOptions(), Cancellation)),
        ];
        foreach (var (what, attempt) in forbidden)
        {
            var refusal = await Record.ExceptionAsync(attempt);
            Assert.True(refusal is ApiException { StatusCode: HttpStatusCode.Forbidden }, $"{what}: {refusal?.Message ?? "it was allowed"}");
        }
    }

    private static Task CreateCountedAsync(SuiteCluster cluster, string ns, int number) =>
        cluster.CreateAsync($$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c{{number}}","namespace":"{{ns}}","labels":{"counted":"yes"} } }""");

    private static JsonObject Sample(ResourceKind kind, string spec) => new()
    {
        ["apiVersion"] = kind.ApiVersion,
        ["kind"] = kind.Kind,
        ["metadata"] = new JsonObject { ["name"] = "sample", ["namespace"] = SuiteCluster.System },
        ["spec"] = JsonNode.Parse(spec),
    };

    private static async Task<bool> CanRunAsync()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("kubectl", ["version", "--client"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            await process.WaitForExitAsync(Cancellation);
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static async Task<string> KubectlAsync(SuiteCluster cluster, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("kubectl", [.. arguments, "--kubeconfig", cluster.Kubeconfig]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(Cancellation);
        var error = process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.True(process.ExitCode == 0, $"kubectl {string.Join(' ', arguments)}: {await output}{await error}");
        return await output;
    }

    /// <summary>The generation of everything that the manifests hold.</summary>
    private static async Task<IReadOnlyDictionary<string, string>> VersionsAsync(SuiteCluster cluster)
    {
        var found = JsonNode.Parse(await KubectlAsync(cluster, ["get", "-k", Path.Combine(Checkout.Root, "daemonset"), "-o", "json"]))!["items"]!.AsArray();
        return found.ToDictionary(o => $"{o!["kind"]} {o["metadata"]!["name"]}", o => $"{o!["metadata"]!["generation"]} {o["spec"]?.ToJsonString()} {o["rules"]?.ToJsonString()}");
    }
}
