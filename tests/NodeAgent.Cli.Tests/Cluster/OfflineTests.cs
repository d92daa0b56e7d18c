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
    public async Task Each_flag_of_a_backup_and_of_a_schedule_stands_in_its_field()
    {
        string[] flags =
        [
            "--ttl", "1h", "--include-namespaces", "a*", "--exclude-namespaces", "ab", "--include-cluster-scoped-resources", "nodes", "--exclude-cluster-scoped-resources", "x",
            "--include-namespace-scoped-resources", "pods", "--exclude-namespace-scoped-resources", "secrets", "--annotations", "k=v", "--storage-location", "west",
            "--volume-snapshot-locations", "a,b", "--or-selector", "x=1 or y=2", "--csi-snapshot-timeout", "5m", "--item-operation-timeout", "2h", "--snapshot-volumes",
            "--snapshot-move-data=false", "--default-volumes-to-fs-backup=false", "--resource-policies-configmap", "p", "--data-mover", "m", "--parallel-files-upload", "3",
            "--backup-type", "Incremental", "-o", "json",
        ];
        const string Spec =
            """
            {"includedNamespaces":["a*"],"excludedNamespaces":["ab"],"includedClusterScopedResources":["nodes"],"excludedClusterScopedResources":["x"],"includedNamespaceScopedResources":["pods"],"excludedNamespaceScopedResources":["secrets"],"ttl":"1h0m0s","storageLocation":"west","volumeSnapshotLocations":["a","b"],"snapshotVolumes":true,"snapshotMoveData":false,"defaultVolumesToFsBackup":false,"csiSnapshotTimeout":"5m0s","itemOperationTimeout":"2h0m0s","datamover":"m","backupType":"Incremental","orLabelSelectors":[{"matchLabels":{"x":"1"}},{"matchLabels":{"y":"2"}}],"resourcePolicy":{"kind":"configmap","name":"p"},"uploaderConfig":{"parallelFilesUpload":3}}
            """;
        var backup = JsonNode.Parse((await NodeAgentProcess.RunAsync(["backup", "create", "b", .. flags])).Expect(0).Output)!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Spec), backup["spec"]), backup["spec"]!.ToJsonString());
        Assert.Equal("v", (string?)backup["metadata"]!["annotations"]!["k"]);
        var created = JsonNode.Parse((await NodeAgentProcess.RunAsync(
            ["create", "schedule", "s", "--schedule", "@every 6h", "--paused", "--use-owner-references-in-backup", "--skip-immediately=false", "--run-on-creation", .. flags])).Expect(0).Output)!;
        Assert.Equal(("v", "true"), ((string?)created["metadata"]!["annotations"]!["k"], (string?)created["metadata"]!["annotations"]!["nodeagent.io/run-on-creation"]));
        var schedule = created["spec"]!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Spec), schedule["template"]), schedule.ToJsonString());
        Assert.Equal("@every 6h", (string?)schedule["schedule"]);
        Assert.True((bool)schedule["paused"]!);
        Assert.True((bool)schedule["useOwnerReferencesInBackup"]!);
        Assert.False((bool)schedule["skipImmediately"]!);
        var old = JsonNode.Parse((await NodeAgentProcess.RunAsync(
            "backup", "create", "b", "--include-resources", "pods,svc", "--exclude-resources", "x.y", "--include-cluster-resources=false", "-o", "json")).Expect(0).Output)!["spec"]!;
        Assert.Equal("""{"includedNamespaces":["*"],"includedResources":["pods","svc"],"excludedResources":["x.y"],"includeClusterResources":false}""", old.ToJsonString());
    }

    [Fact]
    public async Task Each_flag_of_a_restore_stands_in_its_field()
    {
        var result = (await NodeAgentProcess.RunAsync(
            "restore", "create", "--from-schedule", "daily", "-o", "json", "--include-namespaces", "a", "--exclude-namespaces", "b", "--include-resources", "c", "--exclude-resources", "d",
            "--status-exclude-resources", "e", "--or-selector", "x=1 or y=2", "--item-operation-timeout", "1h", "--preserve-nodeports", "--include-cluster-resources=false",
            "--resource-modifier-configmap", "m", "--resource-policies-configmap", "p", "--skip-default-resource-modifier", "--labels", "l=1", "--annotations", "k=v")).Expect(0);
        var restore = JsonNode.Parse(result.Output)!;
        const string Spec =
            """
            {"scheduleName":"daily","includedNamespaces":["a"],"excludedNamespaces":["b"],"includedResources":["c"],"excludedResources":["d"],"preserveNodePorts":true,"includeClusterResources":false,"itemOperationTimeout":"1h0m0s","orLabelSelectors":[{"matchLabels":{"x":"1"}},{"matchLabels":{"y":"2"}}],"resourceModifier":{"kind":"configmap","name":"m"},"resourcePolicy":{"kind":"configmap","name":"p"},"skipDefaultResourceModifier":true,"restoreStatus":{"excludedResources":["e"]}}
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Spec), restore["spec"]), restore["spec"]!.ToJsonString());
        Assert.Matches("^daily-[0-9]{14}$", (string)restore["metadata"]!["name"]!);
        Assert.Equal(("1", "v"), ((string?)restore["metadata"]!["labels"]!["l"], (string?)restore["metadata"]!["annotations"]!["k"]));
    }

    [Fact]
    public async Task A_kind_of_store_that_there_is_not_is_refused_and_one_with_a_domain_is_not()
    {
        (await NodeAgentProcess.RunAsync("backup-location", "create", "west", "--provider", "foo", "--bucket", "b", "-o", "yaml")).ExpectError(2, "--provider foo: there is none of that name (give filesystem, aws or azure)");
        Assert.Contains("provider: velero.io/aws\n", (await NodeAgentProcess.RunAsync("backup-location", "create", "west", "--provider", "velero.io/aws", "--bucket", "b", "-o", "yaml")).Expect(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_flag_of_a_backup_location_stands_in_its_field()
    {
        const string Certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        using var files = new TemporaryDirectory();
        var certificate = files.Write("ca.crt", Certificate);
        var result = (await NodeAgentProcess.RunAsync(
            "backup-location", "create", "west", "--provider", "aws", "--bucket", "b", "--prefix", "p", "--config", "region=us-west-1,s3ForcePathStyle=true", "--credential", "secret=key",
            "--default", "--access-mode", "ReadOnly", "--backup-sync-period", "0s", "--validation-frequency", "5m", "--labels", "a=b", "--cacert", certificate, "-o", "json")).Expect(0);
        const string Spec =
            """
            {"provider":"aws","config":{"region":"us-west-1","s3ForcePathStyle":"true"},"objectStorage":{"bucket":"b","prefix":"p","caCert":"CERT"},"default":true,"accessMode":"ReadOnly","backupSyncPeriod":"0s","validationFrequency":"5m0s","credential":{"name":"secret","key":"key"}}
            """;
        var location = JsonNode.Parse(result.Output)!;
        var expected = Spec.Replace("CERT", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Certificate)), StringComparison.Ordinal);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), location["spec"]), location["spec"]!.ToJsonString());
        Assert.Equal("b", (string?)location["metadata"]!["labels"]!["a"]);
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
