using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Tests.Processes;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>What <c>install</c> prints, and what it does to an API server that holds every object to its schema.</summary>
public sealed class InstallTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Without_changes_what_is_printed_is_what_kubectl_applies()
    {
        var printed = await PrintAsync("--no-secret", "--no-default-backup-location", "--provider", "aws");
        var folder = Path.Combine(Checkout.Root, "daemonset");
        var listed = YamlJson.Parse(File.ReadAllText(Path.Combine(folder, "kustomization.yaml")))!["resources"]!.AsArray();
        var files = listed.Select(path => Sorted(YamlJson.Parse(File.ReadAllText(Path.Combine(folder, path!.GetValue<string>())))));
        Assert.Equal(files.Order(StringComparer.Ordinal), printed.Select(Sorted).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Credentials_location_image_and_settings_get_to_where_they_are_used()
    {
        var secret = _directory.Write("credentials", "[default]\naws_access_key_id=a\n");
        var objects = await PrintAsync(
            "--provider", "velero.io/aws", "--bucket", "b", "--prefix", "p", "--secret-file", secret, "--backup-location-config", "region=eu-west-1,s3Url=http://s3",
            "--image", "store/nodeagent:1", "-n", "elsewhere", "--pod-labels", "a=b", "--pod-annotations", "c=d", "--sa-annotations", "role=arn", "--kubelet-root-dir", "/data/kubelet/", "--restore-only",
            "--default-volumes-to-fs-backup", "--default-repo-maintain-frequency", "12h", "--pod-volume-operation-timeout", "1h", "--concurrent-backups", "3", "--item-block-worker-count", "4", "--default-resource-modifier-configmap", "changes", "--velero-pod-mem-limit", "1Gi", "--velero-pod-cpu-limit", "0",
            "--node-agent-pod-cpu-limit", "2", "--server-priority-class-name", "high", "--node-agent-priority-class-name", "higher", "--features=EnableCSI");
        Assert.All(objects.Where(o => o["metadata"]!["namespace"] is not null), o => Assert.Equal("elsewhere", o["metadata"]!["namespace"]!.GetValue<string>()));
        Assert.Equal("elsewhere", Of(objects, "Namespace").Name());
        Assert.Equal("[default]\naws_access_key_id=a\n", System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(Of(objects, "Secret").Raw("data", "cloud"))));
        Assert.Equal(
            """{"provider":"aws","default":true,"config":{"region":"eu-west-1","s3Url":"http://s3"},"objectStorage":{"prefix":"p","bucket":"b"}}""", Of(objects, "BackupStorageLocation")["spec"]!.ToJsonString());
        Assert.Equal("""{"provider":"aws","config":{"region":"eu-west-1"}}""", Of(objects, "VolumeSnapshotLocation")["spec"]!.ToJsonString());
        Assert.All(objects.Where(o => o.Raw("kind") is "ClusterRoleBinding" or "RoleBinding"), o => Assert.Equal("elsewhere", o["subjects"]![0]!["namespace"]!.GetValue<string>()));
        // Beside another installation: the roles are the same, who has them is not.
        Assert.Equal(["nodeagent-agent-elsewhere", "nodeagent-controller-elsewhere"], objects.Where(o => o.Raw("kind") == "ClusterRoleBinding").Select(o => o.Name()).Order(StringComparer.Ordinal));
        Assert.Equal(["nodeagent-agent", "nodeagent-controller"], objects.Where(o => o.Raw("kind") == "ClusterRoleBinding").Select(o => o.Raw("roleRef", "name")).Order(StringComparer.Ordinal));
        Assert.All(objects.Where(o => o.Raw("kind") == "ServiceAccount"), o => Assert.Equal("arn", o.Raw("metadata", "annotations", "role")));

        var (controller, agent) = (PodOf(objects, "Deployment"), PodOf(objects, "DaemonSet"));
        foreach (var pod in (JsonObject[])[controller, agent])
        {
            Assert.Equal("store/nodeagent:1", pod["containers"]![0]!["image"]!.GetValue<string>());
            Assert.Contains(pod["containers"]![0]!["env"]!.AsArray(), e => e!["name"]!.GetValue<string>() == "AWS_SHARED_CREDENTIALS_FILE" && e["value"]!.GetValue<string>() == "/credentials/cloud");
            Assert.Contains(pod["containers"]![0]!["volumeMounts"]!.AsArray(), m => m!["mountPath"]!.GetValue<string>() == "/credentials" && m["readOnly"]!.GetValue<bool>());
            Assert.Contains(pod["volumes"]!.AsArray(), v => v!["secret"]?["secretName"]!.GetValue<string>() == "cloud-credentials");
        }

        var arguments = controller["containers"]![0]!["args"]!.AsArray().Select(a => a!.GetValue<string>()).ToList();
        Assert.Equal(
            ["controller", "--restore-image=store/nodeagent:1", "--metrics-address=:8085", "--health-address=:8086", "--download-address=:8087", "--work-directory=/scratch", "--features=EnableCSI", "--restore-only", "--default-volumes-to-fs-backup", "--default-resource-modifier-configmap=changes", "--concurrent-backups=3", "--item-block-worker-count=4", "--default-repo-maintain-frequency=12h0m0s", "--fs-backup-timeout=1h0m0s"],
            arguments);
        Assert.Equal("""{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"1Gi"}}""", controller["containers"]![0]!["resources"]!.ToJsonString());
        Assert.Equal("2", agent["containers"]![0]!["resources"]!["limits"]!["cpu"]!.GetValue<string>());
        Assert.Equal(("high", "higher"), (controller.Raw("priorityClassName"), agent.Raw("priorityClassName")));
        Assert.Contains(agent["volumes"]!.AsArray(), v => v!["hostPath"]?["path"]!.GetValue<string>() == "/data/kubelet/pods");
        Assert.Equal("b", Of(objects, "DaemonSet").Raw("spec", "template", "metadata", "labels", "a"));
        Assert.Equal("d", Of(objects, "Deployment").Raw("spec", "template", "metadata", "annotations", "c"));
        // What the program is started with, it understands.
        Assert.Empty(NodeAgentCommand.Create().Parse(arguments).Errors);
        Assert.Empty(NodeAgentCommand.Create().Parse(agent["containers"]![0]!["args"]!.AsArray().Select(a => a!.GetValue<string>()).ToList()).Errors);
    }

    [Fact]
    public async Task A_directory_is_mounted_at_one_path_in_controller_and_agents()
    {
        foreach (var (volume, expected) in new[]
        {
            ("pvc:backups", """{"name":"backups","persistentVolumeClaim":{"claimName":"backups"}}"""),
            ("nfs:server:/export", """{"name":"backups","nfs":{"server":"server","path":"/export"}}"""),
            ("hostPath:/srv", """{"name":"backups","hostPath":{"path":"/srv","type":"DirectoryOrCreate"}}"""),
        })
        {
            var objects = await PrintAsync("--provider", "filesystem", "--backup-location-config", "path=/backups", "--location-volume", volume);
            foreach (var pod in (JsonObject[])[PodOf(objects, "Deployment"), PodOf(objects, "DaemonSet")])
            {
                Assert.Contains(pod["volumes"]!.AsArray(), v => v!.ToJsonString() == expected);
                Assert.Contains(pod["containers"]![0]!["volumeMounts"]!.AsArray(), m => m!.ToJsonString() == """{"name":"backups","mountPath":"/backups"}""");
                Assert.Equal(0, pod["securityContext"]!["runAsUser"]!.GetValue<int>());
            }

            Assert.DoesNotContain(objects, o => o.Raw("kind") is "Secret" or "VolumeSnapshotLocation");
        }
    }

    [Fact]
    public async Task Agents_and_the_service_account_can_be_left_out()
    {
        var objects = await PrintAsync("--provider", "aws", "--bucket", "b", "--no-secret", "--use-node-agent=false", "--service-account-name", "mine");
        Assert.DoesNotContain(objects, o => o.Raw("kind") is "DaemonSet" or "ServiceAccount");
        Assert.Equal("mine", PodOf(objects, "Deployment").Raw("serviceAccountName"));
        Assert.Equal("mine", Of(objects, "ClusterRoleBinding")["subjects"]![0]!["name"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("--provider is missing", "--bucket b --no-secret")]
    [InlineData("--provider azzure: there is none of that name (give filesystem, aws or azure)", "--provider azzure --bucket b --no-secret")]
    [InlineData("--provider azzure: there is none of that name", "--provider azzure --no-default-backup-location --no-secret")]
    [InlineData("--bucket is missing", "--provider aws --no-secret")]
    [InlineData("no credentials are given", "--provider aws --bucket b")]
    [InlineData("--secret-file and --no-secret exclude each other", "--provider aws --bucket b --secret-file x --no-secret")]
    [InlineData("--bucket and --prefix are of the backup location", "--no-default-backup-location --bucket b")]
    [InlineData("no directory is named", "--provider filesystem")]
    [InlineData("nothing is mounted at /b", "--provider filesystem --backup-location-config path=/b")]
    [InlineData("--location-volume disk:x: not understood", "--provider filesystem --backup-location-config path=/b --location-volume disk:x")]
    public async Task What_is_missing_or_contradictory_is_said_in_one_line(string message, string arguments) =>
        (await NodeAgentProcess.RunAsync(["install", "--dry-run", .. arguments.Split(' ')])).ExpectError(2, message);

    [Fact]
    public async Task A_file_of_credentials_that_is_not_there_is_named() =>
        (await NodeAgentProcess.RunAsync("install", "--dry-run", "--provider", "aws", "--bucket", "b", "--secret-file", "/no/such/file")).ExpectError(1, "--secret-file /no/such/file: it is not there");

    [Fact]
    public async Task An_installation_in_a_namespace_of_its_own_is_removed_with_its_bindings()
    {
        await using var cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = _directory["cluster"], RunNodes = false }, TestContext.Current.CancellationToken);
        (await NodeAgentProcess.RunAsync("install", "--provider", "aws", "--bucket", "b", "--no-secret", "-n", "elsewhere", "--kubeconfig", cluster.KubeconfigPath)).Expect(0);
        var gone = (await NodeAgentProcess.RunAsync("uninstall", "--force", "-n", "elsewhere", "--kubeconfig", cluster.KubeconfigPath)).Expect(0);
        Assert.Contains("ClusterRoleBinding/nodeagent-controller-elsewhere: deleted\n", gone.Output, StringComparison.Ordinal);
        Assert.Contains("ClusterRoleBinding/nodeagent-agent-elsewhere: deleted\n", gone.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_installed_changed_and_removed()
    {
        await using var cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = _directory["cluster"], RunNodes = false }, TestContext.Current.CancellationToken);
        string[] install = ["install", "--provider", "aws", "--bucket", "b", "--no-secret", "--backup-location-config", "region=eu-west-1", "--kubeconfig", cluster.KubeconfigPath];
        var first = (await NodeAgentProcess.RunAsync(install)).Expect(0);
        Assert.Contains("Deployment/velero: created\n", first.Output, StringComparison.Ordinal);
        Assert.Contains("BackupStorageLocation/default: created\n", first.Output, StringComparison.Ordinal);
        Assert.Contains("NodeAgent is installed in namespace velero.", first.Output, StringComparison.Ordinal);
        var second = (await NodeAgentProcess.RunAsync([.. install, "--image", "other:1", "--plugins", "velero/velero-plugin-for-aws"])).Expect(0);
        Assert.Contains("DaemonSet/node-agent: is there already (left as it is; --apply changes it)\n", second.Output, StringComparison.Ordinal);
        Assert.Contains("--plugins is accepted and changes nothing here", second.Error, StringComparison.Ordinal);
        Assert.Contains("DaemonSet/node-agent: applied\n", (await NodeAgentProcess.RunAsync([.. install, "--image", "other:1", "--apply"])).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("region: eu-west-1", (await NodeAgentProcess.RunAsync("backup-location", "get", "-o", "yaml", "--kubeconfig", cluster.KubeconfigPath)).Expect(0).Output, StringComparison.Ordinal);

        (await NodeAgentProcess.RunAsync("uninstall", "--kubeconfig", cluster.KubeconfigPath)).ExpectError(2, "--force");
        var gone = (await NodeAgentProcess.RunAsync("uninstall", "--force", "--kubeconfig", cluster.KubeconfigPath)).Expect(0);
        Assert.Contains("DaemonSet/node-agent: deleted\n", gone.Output, StringComparison.Ordinal);
        Assert.Contains("CustomResourceDefinition/backups.velero.io: deleted\n", gone.Output, StringComparison.Ordinal);
        Assert.Contains("NodeAgent is uninstalled.", gone.Output, StringComparison.Ordinal);
        (await NodeAgentProcess.RunAsync("backup", "get", "--kubeconfig", cluster.KubeconfigPath)).ExpectError(1, "does not know backups.velero.io");
        Assert.DoesNotContain(": deleted", (await NodeAgentProcess.RunAsync("uninstall", "--force", "--kubeconfig", cluster.KubeconfigPath)).Expect(0).Output, StringComparison.Ordinal);
    }

    private static async Task<List<JsonObject>> PrintAsync(params string[] arguments)
    {
        var yaml = (await NodeAgentProcess.RunAsync(["install", "--dry-run", .. arguments])).Expect(0).Output;
        var json = JsonNode.Parse((await NodeAgentProcess.RunAsync(["install", "-o", "json", .. arguments])).Expect(0).Output)!["items"]!.AsArray().Select(o => o!.AsObject()).ToList();
        Assert.Equal(json.Select(Sorted), yaml.Split("---\n", StringSplitOptions.RemoveEmptyEntries).Select(text => Sorted(YamlJson.Parse(text))));
        return json;
    }

    /// <summary>Fields in one order.</summary>
    private static string Sorted(JsonNode? node) => node switch
    {
        JsonObject map => $"{{{string.Join(',', map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{JsonValue.Create(pair.Key).ToJsonString()}:{Sorted(pair.Value)}"))}}}",
        JsonArray list => $"[{string.Join(',', list.Select(Sorted))}]",
        _ => node?.ToJsonString() ?? "null",
    };

    private static JsonObject Of(List<JsonObject> objects, string kind) => objects.First(o => o.Raw("kind") == kind);

    private static JsonObject PodOf(List<JsonObject> objects, string kind) => Of(objects, kind)["spec"]!["template"]!["spec"]!.AsObject();
}
