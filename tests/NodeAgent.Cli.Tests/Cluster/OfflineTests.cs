using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>What cluster verbs do without a cluster: print objects instead of sending them, and keep the client's settings.</summary>
public sealed class OfflineTests
{
    [Fact]
    public async Task Create_with_yaml_prints_the_object_and_sends_nothing()
    {
        var result = (await NodeAgentProcess.RunAsync(
            "backup", "create", "b1", "-o", "yaml", "--include-namespaces", "a,b", "--ttl", "72h30m", "--snapshot-volumes=false",
            "-l", "app=x,tier!=db,env in (p, q),!old", "--ordered-resources", "pods=ns/a,ns/b;persistentvolumes=x", "--labels", "team=red",
            "--default-volumes-to-fs-backup", "-n", "backups")).Expect(0);
        Assert.Equal(
            """
            apiVersion: velero.io/v1
            kind: Backup
            metadata:
              labels:
                team: red
              name: b1
              namespace: backups
            spec:
              defaultVolumesToFsBackup: true
              includedNamespaces:
              - a
              - b
              labelSelector:
                matchExpressions:
                - key: tier
                  operator: NotIn
                  values:
                  - db
                - key: env
                  operator: In
                  values:
                  - p
                  - q
                - key: old
                  operator: DoesNotExist
                matchLabels:
                  app: x
              orderedResources:
                persistentvolumes: x
                pods: ns/a,ns/b
              snapshotVolumes: false
              ttl: 72h30m0s

            """,
            result.Output);
    }

    [Fact]
    public async Task A_restore_takes_all_of_its_flags()
    {
        var result = (await NodeAgentProcess.RunAsync(
            "create", "restore", "r1", "--from-backup", "b1", "-ojson", "--namespace-mappings", "a:b,c:d", "--restore-volumes=false",
            "--existing-resource-policy", "update", "--status-include-resources", "pods", "--write-sparse-files", "--parallel-files-download", "4")).Expect(0);
        var spec = JsonNode.Parse(result.Output)!["spec"]!;
        Assert.Equal("""{"a":"b","c":"d"}""", spec["namespaceMapping"]!.ToJsonString());
        Assert.Equal("""{"writeSparseFiles":true,"parallelFilesDownload":4}""", spec["uploaderConfig"]!.ToJsonString());
        Assert.Equal("""{"includedResources":["pods"]}""", spec["restoreStatus"]!.ToJsonString());
        Assert.Equal("update", spec["existingResourcePolicy"]!.GetValue<string>());
        Assert.False(spec["restorePVs"]!.GetValue<bool>());
    }

    [Fact]
    public async Task The_namespace_comes_from_the_flag_then_the_client_config_then_the_environment()
    {
        using var home = new TemporaryDirectory();
        var environment = new CommandEnvironment { Home = home.Path, Variables = { ["VELERO_NAMESPACE"] = "from-environment" } };
        Assert.Equal("from-environment", await NamespaceAsync(environment));

        (await NodeAgentProcess.RunAsync(environment, "client", "config", "set", "namespace=from-config", "cacert=")).Expect(0);
        Assert.Equal("from-config", await NamespaceAsync(environment));
        Assert.Equal("from-flag", await NamespaceAsync(environment, "--namespace", "from-flag"));

        var settings = (await NodeAgentProcess.RunAsync(environment, "client", "config", "get")).Expect(0);
        Assert.Equal("namespace: from-config\n", settings.Output);
        (await NodeAgentProcess.RunAsync(environment, "client", "config", "set", "namespace=")).Expect(0);
        Assert.Equal("from-environment", await NamespaceAsync(environment));
    }

    [Fact]
    public async Task A_broken_client_config_is_named()
    {
        using var home = new TemporaryDirectory();
        home.Write(".config/velero/config.json", "{");
        var environment = new CommandEnvironment { Home = home.Path };
        (await NodeAgentProcess.RunAsync(environment, "client", "config", "get")).ExpectError(1, "client config", "config.json", "mend it or remove it");
    }

    private static async Task<string> NamespaceAsync(CommandEnvironment environment, params string[] flags)
    {
        var result = (await NodeAgentProcess.RunAsync(environment, ["backup", "create", "b", "-o", "json", .. flags])).Expect(0);
        return JsonNode.Parse(result.Output)!["metadata"]!["namespace"]!.GetValue<string>();
    }
}
