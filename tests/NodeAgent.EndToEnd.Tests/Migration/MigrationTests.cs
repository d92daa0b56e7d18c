using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Demo;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Migration;

/// <summary>A cluster moves into another one by a location that both reach: controllers, agents and command line as users have them.</summary>
public sealed class MigrationTests : IDisposable
{
    private static readonly ResourceKind Widgets = new("example.com", "v1", "widgets", "Widget");
    private static readonly ResourceKind Services = new("", "v1", "services", "Service");
    private static readonly ResourceKind RoleBindings = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
    private static readonly ResourceKind ClusterRoleBindings = new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Namespaced: false);

    // Two of them change places, so that an object that is mapped twice, or not at all, is found where another one should be.
    private static readonly (string From, string To)[] Renamed = [("shop", "store"), ("bank", "crm"), ("crm", "bank")];

    private readonly DirectoryInfo _location = Directory.CreateTempSubdirectory("migration-location-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _location.Delete(recursive: true);

    [Fact]
    public async Task A_cluster_is_restored_into_a_smaller_one_under_other_names_with_the_same_contents_and_files()
    {
        await using var old = await S3Cluster.StartAsync(withAgent: true, "node-1", "node-2");
        await AddLocationAsync(old);
        old.Create(Definition);
        foreach (var (ns, _) in Renamed) old.Create(Manifest(ns));
        old.Create("""
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"apps"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},
             "subjects":[{"kind":"ServiceAccount","name":"app","namespace":"shop"},{"kind":"ServiceAccount","name":"app","namespace":"bank"},{"kind":"ServiceAccount","name":"app","namespace":"other"}]}
            """);
        var before = new Dictionary<string, TreeFingerprint>();
        foreach (var (ns, _) in Renamed)
        {
            await FillAsync(await old.AnyVolumeOfAsync(ns, "app"), ns);
            before[ns] = TreeFingerprint.Take(await old.AnyVolumeOfAsync(ns, "app"));
            Assert.InRange(before[ns].Files, 5, 100);
        }

        Assert.Contains("Completed", await old.RunAsync("backup", "create", "move", "--include-namespaces", "shop,bank,crm", "--include-cluster-resources", "--wait"), StringComparison.Ordinal);

        // The new cluster: one node of another name, nothing in it but the location and the repository's key.
        await using var now = await S3Cluster.StartAsync(withAgent: true, "node-a");
        now.CreateSecret("velero-repo-credentials", (await old.FindAsync(KubernetesResources.Secrets, S3Cluster.System, "velero-repo-credentials"))!["data"]!);
        await AddLocationAsync(now);
        await now.WaitForPhaseAsync(VeleroResources.Backups, "move", BackupPhase.Completed);
        var mappings = string.Join(',', Renamed.Select(r => $"{r.From}:{r.To}"));
        var said = await now.RunAsync("restore", "create", "moved", "--from-backup", "move", "--namespace-mappings", mappings, "--wait");
        Assert.True(said.Contains("Completed", StringComparison.Ordinal), said + await now.RunAsync("restore", "logs", "moved"));

        foreach (var (from, to) in Renamed)
        {
            await AssertSameAsync(old, now, KubernetesResources.ConfigMaps, "settings", from, to, "data");
            await AssertSameAsync(old, now, KubernetesResources.Secrets, "keys", from, to, "data", "type");
            await AssertSameAsync(old, now, KubernetesResources.ServiceAccounts, "app", from, to, "imagePullSecrets");
            await AssertSameAsync(old, now, Widgets, "w", from, to, "spec");
            await AssertSameAsync(old, now, RoleBindings, "app", from, to, "roleRef");
            var service = (await now.FindAsync(Services, to, "app"))!;
            Assert.Equal(80, (int)service["spec"]!["ports"]!.AsArray().Single()!["port"]!);
            Assert.Equal(from, (string?)(await now.FindAsync(KubernetesResources.Namespaces, "", to))!["metadata"]!["labels"]!["team"]);
            var subject = (await now.FindAsync(RoleBindings, to, "app"))!["subjects"]![0]!;
            Assert.Equal(to, (string?)subject["namespace"]);

            var pod = (await now.WaitAsync(KubernetesResources.Pods, "app", "Running", p => (string?)p?["status"]?["phase"] == "Running", to))!;
            Assert.Equal("node-a", (string?)pod["spec"]!["nodeName"]);
            Assert.Equal($"example.com/{from}:1", (string?)pod["spec"]!["containers"]![0]!["image"]);
            var after = TreeFingerprint.Take(await now.AnyVolumeOfAsync(to, "app"));
            Assert.Empty(before[from].DifferencesTo(after));
        }

        // Nothing came under an old name, and only namespaces that moved were renamed among the subjects.
        Assert.Null(await now.FindAsync(KubernetesResources.Namespaces, "", "shop"));
        var subjects = (await now.FindAsync(ClusterRoleBindings, "", "apps"))!["subjects"]!.AsArray();
        Assert.Equal(["store", "crm", "other"], subjects.Select(s => (string?)s!["namespace"]));
        // The old cluster is as it was.
        Assert.Null(await old.FindAsync(KubernetesResources.Namespaces, "", "store"));
        Assert.Empty(before["bank"].DifferencesTo(TreeFingerprint.Take(await old.AnyVolumeOfAsync("bank", "app"))));
    }

    private const string Definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: widgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
          versions:
            - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
        """;

    /// <summary>An application: the shop's files in an emptyDir, the bank's and the crm's in persistent volumes, the bank's on the second node.</summary>
    private static string Manifest(string ns) => Application
        .Replace("NS", ns, StringComparison.Ordinal)
        .Replace("KEY", Convert.ToBase64String(Encoding.UTF8.GetBytes(ns)), StringComparison.Ordinal)
        .Replace("PLACE", ns == "bank" ? "nodeName: node-2" : "restartPolicy: Always", StringComparison.Ordinal)
        .Replace("SOURCE", ns == "shop" ? "emptyDir: {}" : "persistentVolumeClaim: {claimName: data}", StringComparison.Ordinal);

    private const string Application = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: NS, labels: {team: NS}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: NS, labels: {app: NS}, annotations: {note: "of NS"}}
        data: {name: NS, text: "line one\nline two\n"}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: keys, namespace: NS}
        type: Opaque
        data: {key: KEY}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: app, namespace: NS}
        imagePullSecrets: [{name: keys}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: app, namespace: NS}
        spec: {selector: {app: NS}, ports: [{name: http, port: 80, protocol: TCP, targetPort: 8080}]}
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: app, namespace: NS}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
        subjects: [{kind: ServiceAccount, name: app, namespace: NS}]
        ---
        apiVersion: example.com/v1
        kind: Widget
        metadata: {name: w, namespace: NS}
        spec: {size: 3, owner: NS, list: [1, two, {three: 3}]}
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data, namespace: NS}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: app, namespace: NS, labels: {app: NS}, annotations: {backup.velero.io/backup-volumes: data}}
        spec:
          PLACE
          serviceAccountName: app
          containers: [{name: app, image: "example.com/NS:1", volumeMounts: [{name: data, mountPath: /data}]}]
          volumes: [{name: data, SOURCE}]
        """;

    private static async Task FillAsync(string volume, string ns)
    {
        Directory.CreateDirectory(Path.Combine(volume, "empty"));
        Directory.CreateDirectory(Path.Combine(volume, "deep/er/still"));
        await File.WriteAllTextAsync(Path.Combine(volume, "name"), ns, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(volume, "deep/er/still/ünïcode \n name"), "odd", Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(volume, "nothing"), [], Cancellation);
        var content = new byte[700_000];
        new Random(ns.Length + ns[0]).NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(volume, "deep/content"), content, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(volume, "secret"), "mode", Cancellation);
        File.SetUnixFileMode(Path.Combine(volume, "secret"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(Path.Combine(volume, "link"), "deep/content");
        File.CreateSymbolicLink(Path.Combine(volume, "broken"), "/not/here");
        File.SetLastWriteTimeUtc(Path.Combine(volume, "deep/content"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
    }

    private async Task AddLocationAsync(S3Cluster cluster)
    {
        cluster.Create($$"""
            {"apiVersion":"velero.io/v1","kind":"BackupStorageLocation","metadata":{"name":"default","namespace":"{{S3Cluster.System}}"},
             "spec":{"provider":"filesystem","default":true,"backupSyncPeriod":"1s","config":{"path":"{{_location.FullName}}"} } }
            """);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }

    private static async Task AssertSameAsync(S3Cluster old, S3Cluster now, ResourceKind kind, string name, string from, string to, params string[] fields)
    {
        var (was, item) = ((await old.FindAsync(kind, from, name))!, await now.FindAsync(kind, to, name));
        Assert.True(item is not null, $"{kind.Plural} {to}/{name} is missing");
        foreach (var field in fields) Assert.True(JsonNode.DeepEquals(was[field], item[field]), $"{kind.Plural} {to}/{name}: {field} was {was[field]?.ToJsonString()}, is {item[field]?.ToJsonString()}");
        Assert.True(JsonNode.DeepEquals(was["metadata"]!["annotations"], item["metadata"]!["annotations"]), $"{kind.Plural} {to}/{name}: annotations");
        foreach (var (key, value) in was["metadata"]!["labels"] as JsonObject ?? []) Assert.Equal((string?)value, (string?)item["metadata"]!["labels"]![key]);
        Assert.Equal("moved", (string?)item["metadata"]!["labels"]!["velero.io/restore-name"]);
    }
}
