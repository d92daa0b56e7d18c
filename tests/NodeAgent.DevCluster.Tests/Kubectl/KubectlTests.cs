using System.Diagnostics;
using System.Text;

namespace NodeAgent.DevCluster.Tests.Kubectl;

/// <summary>What a user sees with the real kubectl.</summary>
public sealed class KubectlTests
{
    private const string Kubectl = "/usr/bin/kubectl";

    private const string Application = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, labels: {app: web}}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
              - {name: web, image: "nginx:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
        """;

    [Fact]
    public async Task Get_prints_the_columns_users_know()
    {
        await using var cluster = await StartAsync();
        Assert.Matches(@"^NAME +STATUS +ROLES +AGE +VERSION\nnode-1 +Ready +<none> +\d+s +v1\.\d+\.\d+\n$", await RunAsync(cluster, "get", "nodes"));
        await ApplyAsync(cluster, Application);
        await RunAsync(cluster, "rollout", "status", "deployment/web", "--timeout=10s");
        Assert.Matches(@"^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2/2 +2 +2 +\d+s\n$", await RunAsync(cluster, "get", "deploy"));
        var wide = await RunAsync(cluster, "get", "pods", "-o", "wide", "-l", "app=web");
        Assert.Matches(@"^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nweb-[0-9a-f]+-\w{5} +1/1 +Running +0 +\d+s +10\.244\.0\.\d+ +node-1 +<none> +<none>\n", wide);
        Assert.Contains("kubernetes   ClusterIP   10.96.0.1", await RunAsync(cluster, "get", "svc"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watching_get_prints_a_line_for_each_change()
    {
        await using var cluster = await StartAsync();
        var watching = RunAsync(cluster, "get", "configmaps", "-w", "--request-timeout=2s");
        await Task.Delay(500, TestContext.Current.CancellationToken);
        await RunAsync(cluster, "create", "configmap", "fresh", "--from-literal=k=v");
        Assert.Contains("fresh", await watching, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_creates_then_changes_then_leaves_alone()
    {
        await using var cluster = await StartAsync();
        Assert.Equal("deployment.apps/web created\nservice/web created\n", await ApplyAsync(cluster, Application));
        Assert.Equal("deployment.apps/web unchanged\nservice/web unchanged\n", await ApplyAsync(cluster, Application));
        Assert.Equal("deployment.apps/web configured\nservice/web unchanged\n", await ApplyAsync(cluster, Application.Replace("nginx:1", "nginx:2", StringComparison.Ordinal)));
        Assert.Equal("nginx:2", await RunAsync(cluster, "get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"));
        Assert.Equal("10.96.", (await RunAsync(cluster, "get", "svc", "web", "-o", "jsonpath={.spec.clusterIP}"))[..6]);
    }

    [Fact]
    public async Task Server_side_apply_reports_conflicts_with_their_manager()
    {
        await using var cluster = await StartAsync();
        Assert.Contains("deployment.apps/web serverside-applied", await ApplyAsync(cluster, Application, "--server-side"), StringComparison.Ordinal);
        var (code, output) = await TryRunAsync(cluster, Application.Replace("nginx:1", "nginx:2", StringComparison.Ordinal), "apply", "--server-side", "--field-manager=other", "-f", "-");
        Assert.NotEqual(0, code);
        Assert.Contains("conflict with \"kubectl\": .spec.template.spec.containers[name=\"web\"].image", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_custom_resource_is_explained_described_and_validated()
    {
        await using var cluster = await StartAsync();
        Assert.Contains("ttl\t<string>", await RunAsync(cluster, "explain", "backups.velero.io.spec"), StringComparison.Ordinal);
        await ApplyAsync(cluster, "{apiVersion: velero.io/v1, kind: Backup, metadata: {name: b}, spec: {ttl: 1h}}");
        Assert.Contains("Ttl:", await RunAsync(cluster, "describe", "backup", "b"), StringComparison.Ordinal);
        var (code, output) = await TryRunAsync(cluster, "{apiVersion: velero.io/v1, kind: Backup, metadata: {name: c}, spec: {tttl: 1h}}", "apply", "-f", "-");
        Assert.NotEqual(0, code);
        Assert.Contains("unknown field \"spec.tttl\"", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Describe_shows_a_pod_with_its_events()
    {
        await using var cluster = await StartAsync();
        await ApplyAsync(cluster, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}], volumes: [{name: v, emptyDir: {}}]}}");
        await RunAsync(cluster, "wait", "pod/p", "--for=condition=Ready", "--timeout=10s");
        var shown = await RunAsync(cluster, "describe", "pod", "p");
        Assert.Contains("EmptyDir (a temporary directory that shares a pod's lifetime)", shown, StringComparison.Ordinal);
        Assert.Contains("Successfully assigned default/p to node-1", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Annotate_label_and_every_patch_form_change_the_object()
    {
        await using var cluster = await StartAsync();
        await RunAsync(cluster, "create", "configmap", "c", "--from-literal=k=v");
        Assert.Equal("configmap/c annotated\n", await RunAsync(cluster, "annotate", "configmap", "c", "example.com/a=1"));
        Assert.Equal("configmap/c labeled\n", await RunAsync(cluster, "label", "configmap", "c", "l=1"));
        foreach (var (form, patch) in ((string, string)[])[("merge", """{"data":{"m":"1"}}"""), ("json", """[{"op":"add","path":"/data/j","value":"1"}]"""), ("strategic", """{"data":{"s":"1"}}""")])
            Assert.Equal("configmap/c patched\n", await RunAsync(cluster, "patch", "configmap", "c", "--type", form, "-p", patch));
        Assert.Equal("""{"j":"1","k":"v","m":"1","s":"1"}""", await RunAsync(cluster, "get", "configmap", "c", "-o", "jsonpath={.data}"));
        Assert.Equal("configmap/c unlabeled\n", await RunAsync(cluster, "label", "configmap", "c", "l-"));
    }

    [Fact]
    public async Task Deleting_a_namespace_waits_until_it_is_gone()
    {
        await using var cluster = await StartAsync();
        await RunAsync(cluster, "create", "namespace", "n");
        await ApplyAsync(cluster, Application, "-n", "n");
        Assert.Equal("namespace \"n\" deleted\n", await RunAsync(cluster, "delete", "namespace", "n", "--timeout=20s"));
        var (code, output) = await TryRunAsync(cluster, "", "get", "namespace", "n");
        Assert.NotEqual(0, code);
        Assert.Contains("Error from server (NotFound): namespaces \"n\" not found", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Draining_a_node_moves_its_pods()
    {
        await using var cluster = await StartAsync(o => o with { Nodes = ["one", "two"] });
        await ApplyAsync(cluster, Application);
        await RunAsync(cluster, "rollout", "status", "deployment/web", "--timeout=10s");
        Assert.Contains("node/two drained", await RunAsync(cluster, "drain", "two", "--timeout=20s"), StringComparison.Ordinal);
        await RunAsync(cluster, "rollout", "status", "deployment/web", "--timeout=10s");
        Assert.Equal("one one", await RunAsync(cluster, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}"));
    }

    [Fact]
    public async Task Discovery_lists_short_names_and_the_version()
    {
        await using var cluster = await StartAsync();
        var resources = await RunAsync(cluster, "api-resources");
        Assert.Matches(@"\nbackupstoragelocations +bsl +velero\.io/v1 +true +BackupStorageLocation\n", resources);
        Assert.Matches(@"\ndeployments +deploy +apps/v1 +true +Deployment\n", resources);
        Assert.Contains("velero.io/v1\n", await RunAsync(cluster, "api-versions"), StringComparison.Ordinal);
        Assert.Contains("Server Version: v1.", await RunAsync(cluster, "version"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_reaches_the_registered_handler()
    {
        await using var cluster = await StartAsync(o => o with
        {
            ExecHandler = (request, _) => Task.FromResult(new PodExecResult(3, $"ran {string.Join(' ', request.Command)} in {request.Container}\n", "complaint\n")),
        });
        await ApplyAsync(cluster, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}");
        await RunAsync(cluster, "wait", "pod/p", "--for=condition=Ready", "--timeout=10s");
        var (code, output) = await TryRunAsync(cluster, "", "exec", "p", "--", "sync", "-f");
        Assert.Equal(3, code);
        Assert.Contains("ran sync -f in c", output, StringComparison.Ordinal);
        Assert.Contains("complaint", output, StringComparison.Ordinal);
    }

    private static async Task<TestCluster> StartAsync(Func<EmbeddedClusterOptions, EmbeddedClusterOptions>? adjust = null)
    {
        Assert.SkipUnless(File.Exists(Kubectl), $"needs {Kubectl}: install the package kubectl or kubernetes-client");
        return await TestCluster.StartAsync(adjust);
    }

    private static async Task<string> ApplyAsync(TestCluster cluster, string yaml, params string[] more)
    {
        var (code, output) = await TryRunAsync(cluster, yaml, ["apply", "-f", "-", .. more]);
        Assert.True(code == 0, output);
        return output;
    }

    private static async Task<string> RunAsync(TestCluster cluster, params string[] arguments)
    {
        var (code, output) = await TryRunAsync(cluster, "", arguments);
        Assert.True(code == 0, $"kubectl {string.Join(' ', arguments)}: exit {code}: {output}");
        return output;
    }

    private static async Task<(int Code, string Output)> TryRunAsync(TestCluster cluster, string input, params string[] arguments)
    {
        var start = new ProcessStartInfo(Kubectl, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["KUBECONFIG"] = cluster.Cluster.KubeconfigPath;
        // The discovery cache goes with the test, and never mixes two clusters that had the same port.
        start.Environment["KUBECACHEDIR"] = Path.Combine(cluster.Directory, "kubectl-cache");
        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        try
        {
            // The marker keeps kubectl from taking a document in flow style for JSON.
            await process.StandardInput.WriteAsync(("---\n" + input).AsMemory(), limit.Token);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, new StringBuilder(await output).Append(await errors).ToString());
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
