using System.Text.Json.Nodes;
using NodeAgent.DevCluster;
using NodeAgent.DevCluster.Demo;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>Namespaces that are backed up, lost and restored: the same over the embedded API server and over a real one.</summary>
public sealed class BackupAndRestoreTests
{
    private static readonly ResourceKind Services = new("", "v1", "services", "Service");
    private static readonly ResourceKind Deployments = new("apps", "v1", "deployments", "Deployment");
    private static readonly ResourceKind Jobs = new("batch", "v1", "jobs", "Job");
    private static readonly ResourceKind Roles = new("rbac.authorization.k8s.io", "v1", "roles", "Role");
    private static readonly ResourceKind RoleBindings = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
    private static readonly ResourceKind Ingresses = new("networking.k8s.io", "v1", "ingresses", "Ingress");
    private static readonly ResourceKind Endpoints = new("", "v1", "endpoints", "Endpoints");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task A_namespace_with_files_and_hooks_is_lost_and_comes_back(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}","labels":{"team":"web"} } }
            """);
        await cluster.CreateAsync($$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web
              namespace: {{shop}}
              annotations:
                backup.velero.io/backup-volumes: data
                pre.hook.backup.velero.io/container: web
                pre.hook.backup.velero.io/command: '["/bin/freeze","--all"]'
                post.hook.backup.velero.io/command: '["/bin/thaw"]'
                post.hook.restore.velero.io/container: web
                post.hook.restore.velero.io/command: '["/bin/welcome","back"]'
            spec:
              containers: [{name: web, image: "example.com/web:1", volumeMounts: [{name: data, mountPath: /data}]}, {name: side, image: "example.com/side:1"}]
              volumes: [{name: data, emptyDir: { } }]
            """);
        var volume = await cluster.VolumeOfAsync(shop, "web", "data");
        await FillAsync(volume);
        var before = TreeFingerprint.Take(volume);

        await cluster.RunToEndAsync("Completed", "backup", "create", "b", "--include-namespaces", shop);
        Assert.Equal(["web: /bin/freeze --all", "web: /bin/thaw"], cluster.Commands.Select(c => $"{c.Container}: {string.Join(' ', c.Command)}"));
        Assert.Contains("Hooks attempted:  2", (await cluster.RunAsync("backup", "describe", "b")).Replace("HooksAttempted", "Hooks attempted", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
        cluster.Commands.Clear();

        await cluster.DeleteAsync(KubernetesResources.Namespaces, null, shop);
        await cluster.RunToEndAsync("Completed", "restore", "create", "r", "--from-backup", "b");
        var pod = await cluster.WaitForPodAsync(shop, "web");
        Assert.Equal("restore-wait", (string?)pod["spec"]!["initContainers"]![0]!["name"]);
        Assert.Empty(before.DifferencesTo(TreeFingerprint.Take(await cluster.VolumeOfAsync(shop, "web", "data"))));
        Assert.Equal("web", (string?)(await cluster.GetAsync(KubernetesResources.Namespaces, null, shop))["metadata"]!["labels"]!["team"]);
        Assert.Equal(["web: /bin/welcome back"], cluster.Commands.Select(c => $"{c.Container}: {string.Join(' ', c.Command)}"));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task A_hook_that_fails_is_an_error_of_the_backup_with_its_exit_code(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        cluster.Exec = _ => new PodExecResult(7, "out", "the disk is full");
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: {{shop}}, annotations: {pre.hook.backup.velero.io/command: /bin/freeze} }
            spec: {containers: [{name: web, image: "example.com/web:1"}]}
            """);
        await cluster.WaitForPodAsync(shop, "web");
        await cluster.RunToEndAsync("PartiallyFailed", "backup", "create", "b", "--include-namespaces", shop);
        Assert.Contains("7", await cluster.RunAsync("backup", "logs", "b"), StringComparison.Ordinal);
        Assert.Contains("the disk is full", await cluster.RunAsync("backup", "logs", "b"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task Whatever_a_namespace_holds_comes_back_under_another_name_and_works_there(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var (shop, store) = (cluster.Name("shop"), cluster.Name("store"));
        await cluster.CreateAsync(Application.Replace("NS", shop, StringComparison.Ordinal).Replace("CLASS", cluster.Name("none"), StringComparison.Ordinal));
        await cluster.WaitAsync(Deployments, shop, "web", "2 ready", d => (int?)d?["status"]?["readyReplicas"] == 2);
        await cluster.WaitAsync(Endpoints, shop, "web", "its existence", e => server == ApiServerKind.Embedded || e?["subsets"] is JsonArray { Count: > 0 });

        await cluster.RunToEndAsync("Completed", "backup", "create", "b", "--include-namespaces", shop, "--snapshot-volumes=false");
        await cluster.RunToEndAsync("Completed", "restore", "create", "r", "--from-backup", "b", "--namespace-mappings", $"{shop}:{store}");

        Assert.Equal("of the shop", (string?)(await cluster.GetAsync(KubernetesResources.ConfigMaps, store, "settings"))["data"]!["name"]);
        Assert.Equal("c2VjcmV0", (string?)(await cluster.GetAsync(KubernetesResources.Secrets, store, "keys"))["data"]!["key"]);
        Assert.Equal("pull", (string?)(await cluster.GetAsync(KubernetesResources.ServiceAccounts, store, "app"))["imagePullSecrets"]![0]!["name"]);
        Assert.Equal("pods", (string?)(await cluster.GetAsync(Roles, store, "app"))["rules"]![0]!["resources"]![0]);
        Assert.Equal(store, (string?)(await cluster.GetAsync(RoleBindings, store, "app"))["subjects"]![0]!["namespace"]);
        Assert.Equal("web", (string?)(await cluster.GetAsync(Ingresses, store, "web"))["spec"]!["rules"]![0]!["http"]!["paths"]![0]!["backend"]!["service"]!["name"]);
        var (was, service) = (await cluster.GetAsync(Services, shop, "web"), await cluster.GetAsync(Services, store, "web"));
        Assert.NotEqual((string?)was["spec"]!["clusterIP"], (string?)service["spec"]!["clusterIP"]);
        Assert.Equal("None", (string?)(await cluster.GetAsync(Services, store, "headless"))["spec"]!["clusterIP"]);
        Assert.NotNull((int?)service["spec"]!["ports"]![0]!["nodePort"]);
        var claim = await cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, store, "data");
        Assert.Equal("1Gi", (string?)claim["spec"]!["resources"]!["requests"]!["storage"]);
        // The deployment's pods are its own again: the set came with its old owner's name and none were made beside them.
        await cluster.WaitAsync(Deployments, store, "web", "2 ready", d => (int?)d?["status"]?["readyReplicas"] == 2 && (int?)d["status"]!["replicas"] == 2);
        var job = await cluster.GetAsync(Jobs, store, "once");
        // Its pods are told by its own new uid, under the label of the server's release.
        Assert.Equal((string?)job["metadata"]!["uid"], (string?)job["spec"]!["selector"]!["matchLabels"]!.AsObject().Single().Value);
        foreach (var kind in new[] { KubernetesResources.ConfigMaps, Services, Deployments, Roles })
            Assert.Equal("r", (string?)(await cluster.GetAsync(kind, store, kind == Services || kind == Deployments ? "web" : kind == Roles ? "app" : "settings"))["metadata"]!["labels"]!["velero.io/restore-name"]);
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task What_is_there_already_is_left_alone_or_updated_as_the_restore_says(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"same","namespace":"{{shop}}"},"data":{"a":"1"} }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"changed","namespace":"{{shop}}"},"data":{"a":"1","gone":"later"} }
            ---
            {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"app","namespace":"{{shop}}"},"imagePullSecrets":[{"name":"one"}] }
            """);
        await cluster.RunToEndAsync("Completed", "backup", "create", "b", "--include-namespaces", shop);
        await cluster.PatchAsync(KubernetesResources.ConfigMaps, shop, "changed", """{"data":{"a":"2","gone":null,"new":"3"}}""");
        await cluster.PatchAsync(KubernetesResources.ServiceAccounts, shop, "app", """{"imagePullSecrets":[{"name":"two"}]}""");

        await cluster.RunToEndAsync("Completed", "restore", "create", "none", "--from-backup", "b");
        Assert.Equal("2", (string?)(await cluster.GetAsync(KubernetesResources.ConfigMaps, shop, "changed"))["data"]!["a"]);
        Assert.Contains("changed", await cluster.RunAsync("restore", "describe", "none", "--details"), StringComparison.Ordinal);
        // Service accounts are merged in any case.
        Assert.Equal(["one", "two"], (await cluster.GetAsync(KubernetesResources.ServiceAccounts, shop, "app"))["imagePullSecrets"]!.AsArray().Select(s => (string?)s!["name"]).Order());

        await cluster.RunToEndAsync("Completed", "restore", "create", "update", "--from-backup", "b", "--existing-resource-policy", "update");
        var changed = (await cluster.GetAsync(KubernetesResources.ConfigMaps, shop, "changed"))["data"]!;
        Assert.Equal(("1", "later"), ((string?)changed["a"], (string?)changed["gone"]));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task A_backup_holds_what_its_filters_choose(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var (shop, bank, red) = (cluster.Name("shop"), cluster.Name("bank"), cluster.Name("red"));
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{bank}}"} }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"red","namespace":"{{shop}}","labels":{"color":"{{red}}"} } }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"blue","namespace":"{{shop}}","labels":{"color":"blue"} } }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"excluded","namespace":"{{shop}}","labels":{"color":"{{red}}","velero.io/exclude-from-backup":"true"} } }
            ---
            {"apiVersion":"v1","kind":"Secret","metadata":{"name":"red","namespace":"{{shop}}","labels":{"color":"{{red}}"} } }
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"far","namespace":"{{bank}}","labels":{"color":"{{red}}"} } }
            ---
            {"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"{{cluster.Name("class")}}","labels":{"color":"{{red}}"} },"provisioner":"example.com/none"}
            """);
        (string[] Flags, string[] Holds)[] cases =
        [
            (["--include-namespaces", shop, "--selector", $"color={red}", "--include-resources", "configmaps,secrets"], [$"configmaps/{shop}/red", $"secrets/{shop}/red"]),
            (["--include-namespaces", $"{shop},{bank}", "--include-resources", "cm", "--or-selector", $"color=blue or color in ({red})"], [$"configmaps/{bank}/far", $"configmaps/{shop}/blue", $"configmaps/{shop}/red"]),
            (["--include-namespaces", $"*-{shop.Split('-')[1]}", "--exclude-namespaces", bank, "--include-resources", "configmaps", "--selector", "color"], [$"configmaps/{shop}/blue", $"configmaps/{shop}/red"]),
            (["--include-namespaces", shop, "--selector", $"color={red}", "--exclude-resources", "secrets", "--include-cluster-resources=true"], [$"configmaps/{shop}/red", $"storageclasses.storage.k8s.io//{cluster.Name("class")}"]),
            (["--include-namespaces", shop, "--selector", $"color={red}", "--include-namespace-scoped-resources", "secrets", "--include-cluster-scoped-resources", "storageclasses"], [$"secrets/{shop}/red", $"storageclasses.storage.k8s.io//{cluster.Name("class")}"]),
        ];
        for (var i = 0; i < cases.Length; i++)
        {
            await cluster.RunToEndAsync("Completed", ["backup", "create", $"b{i}", .. cases[i].Flags]);
            var held = SuiteArchive.ItemsOf(cluster.Location, $"b{i}").Where(item => !item.StartsWith("namespaces//", StringComparison.Ordinal));
            Assert.Equal(cases[i].Holds, held.Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task Objects_are_changed_on_their_way_back_as_a_ConfigMap_says(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server);
        var shop = cluster.Name("shop");
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, namespace: "{{shop}}"}
            spec:
              replicas: 0
              selector: {matchLabels: {app: web} }
              template:
                metadata: {labels: {app: web} }
                spec: {containers: [{name: web, image: "old/web:1"}, {name: side, image: "old/side:1"}]}
            ---
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"{{shop}}"},"data":{"host":"a","drop":"me"} }
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: changes, namespace: velero}
            data:
              rules.yaml: |
                version: v1
                resourceModifierRules:
                - conditions: {groupResource: configmaps, namespaces: ["{{shop}}"]}
                  patches:
                  - {operation: replace, path: /data/host, value: b}
                - conditions: {groupResource: configmaps, resourceNameRegex: "^set"}
                  mergePatches:
                  - patchData: '{"data":{"drop":null} }'
                - conditions: {groupResource: deployments.apps}
                  strategicPatches:
                  - patchData: '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"new/web:2"}] } } } }'
            """);
        await cluster.RunToEndAsync("Completed", "backup", "create", "b", "--include-namespaces", shop);
        await cluster.DeleteAsync(Deployments, shop, "web");
        await cluster.DeleteAsync(KubernetesResources.ConfigMaps, shop, "settings");
        await cluster.RunToEndAsync("Completed", "restore", "create", "r", "--from-backup", "b", "--resource-modifier-configmap", "changes");
        Assert.Equal("""{"host":"b"}""", (await cluster.GetAsync(KubernetesResources.ConfigMaps, shop, "settings"))["data"]!.ToJsonString());
        var containers = (await cluster.GetAsync(Deployments, shop, "web"))["spec"]!["template"]!["spec"]!["containers"]!.AsArray();
        Assert.Equal(["new/web:2", "old/side:1"], containers.Select(c => (string?)c!["image"]));
    }

    [Theory]
    [InlineData(ApiServerKind.Embedded)]
    [InlineData(ApiServerKind.Real)]
    public async Task Custom_resources_come_back_with_their_definition_and_in_the_version_that_both_know(ApiServerKind server)
    {
        await using var cluster = await SuiteCluster.StartAsync(server, o => o with { AllApiVersions = true });
        var (shop, group) = (cluster.Name("shop"), $"{cluster.Name("music")}.example.com");
        var bands = new ResourceKind(group, "v1", "bands", "Band");
        await cluster.CreateAsync(Definition(group, "v1", "v2beta1"));
        await cluster.CreateAsync($$"""
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{shop}}"} }
            ---
            {"apiVersion":"{{group}}/v1","kind":"Band","metadata":{"name":"queen","namespace":"{{shop}}"},"spec":{"members":4} }
            """);
        await cluster.RunToEndAsync("Completed", "backup", "create", "b", "--include-namespaces", shop);
        Assert.Contains($"bands.{group}/{shop}/queen", SuiteArchive.ItemsOf(cluster.Location, "b"));
        await cluster.DeleteAsync(KubernetesResources.Namespaces, null, shop);
        await cluster.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, $"bands.{group}");

        await cluster.RunToEndAsync("Completed", "restore", "create", "r", "--from-backup", "b");
        Assert.Equal(4, (int?)(await cluster.GetAsync(bands, shop, "queen"))["spec"]!["members"]);

        // Into a cluster that knows the older version no more.
        await cluster.DeleteAsync(KubernetesResources.Namespaces, null, shop);
        await cluster.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, $"bands.{group}");
        await cluster.CreateAsync(Definition(group, "v3", "v2beta1"));
        await cluster.WaitAsync(KubernetesResources.CustomResourceDefinitions, null, $"bands.{group}", "established", c => c?["status"]?["conditions"] is JsonArray all && all.Any(x => (string?)x!["type"] == "Established" && (string?)x["status"] == "True"));
        await cluster.RunToEndAsync("Completed", "restore", "create", "r2", "--from-backup", "b", "--include-namespaces", shop);
        Assert.Equal(4, (int?)(await cluster.GetAsync(bands with { Version = "v3" }, shop, "queen"))["spec"]!["members"]);
        await cluster.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, $"bands.{group}");
    }

    private static string Definition(string group, params string[] versions) => $$"""
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: bands.{{group}}}
        spec:
          group: {{group}}
          scope: Namespaced
          names: {plural: bands, singular: band, kind: Band, listKind: BandList}
          versions:
        {{string.Join('\n', versions.Select((v, i) => $"  - {{name: {v}, served: true, storage: {(i == 0 ? "true" : "false")}, schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}"))}}
        """;

    private static async Task FillAsync(string volume)
    {
        Directory.CreateDirectory(Path.Combine(volume, "deep/er"));
        await File.WriteAllTextAsync(Path.Combine(volume, "orders.txt"), "three apples", Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(volume, "deep/er/nothing"), [], Cancellation);
        var content = new byte[300_000];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(volume, "deep/content"), content, Cancellation);
        File.CreateSymbolicLink(Path.Combine(volume, "link"), "deep/content");
        File.SetLastWriteTimeUtc(Path.Combine(volume, "deep/content"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
    }

    private const string Application = """
        {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"NS"}}
        ---
        {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"NS"},"data":{"name":"of the shop"}}
        ---
        {"apiVersion":"v1","kind":"Secret","metadata":{"name":"keys","namespace":"NS"},"type":"Opaque","data":{"key":"c2VjcmV0"}}
        ---
        {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"app","namespace":"NS"},"imagePullSecrets":[{"name":"pull"}]}
        ---
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"app","namespace":"NS"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: app, namespace: NS}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: app}
        subjects: [{kind: ServiceAccount, name: app, namespace: NS}]
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data, namespace: NS}
        spec: {accessModes: [ReadWriteOnce], storageClassName: CLASS, resources: {requests: {storage: 1Gi}}}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: NS}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec: {serviceAccountName: app, containers: [{name: web, image: "example.com/web:1", ports: [{containerPort: 80}]}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: NS}
        spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, protocol: TCP}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: headless, namespace: NS}
        spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, protocol: TCP}]}
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web, namespace: NS}
        spec: {rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
        ---
        apiVersion: batch/v1
        kind: Job
        metadata: {name: once, namespace: NS}
        spec: {parallelism: 0, template: {spec: {restartPolicy: Never, containers: [{name: once, image: "example.com/once:1"}]}}}
        """;
}
