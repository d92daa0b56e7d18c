using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.ApiServers;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.Security;

/// <summary>
/// What each token may do, asked of a real API server with the rights that <c>daemonset/</c> gives. Each refusal stands beside something of its kind that is
/// allowed, so that a request that fails for another reason does not pass for one.
/// </summary>
public sealed class RightsTests
{
    private static readonly ResourceKind Nodes = KubernetesResources.Nodes;
    private static readonly ResourceKind Volumes = new("", "v1", "persistentvolumes", "PersistentVolume", Namespaced: false);
    private static readonly ResourceKind Services = new("", "v1", "services", "Service");
    private static readonly ResourceKind ServiceAccounts = new("", "v1", "serviceaccounts", "ServiceAccount");
    private static readonly ResourceKind Roles = new("rbac.authorization.k8s.io", "v1", "roles", "Role");
    private static readonly ResourceKind RoleBindings = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
    private static readonly ResourceKind ClusterRoles = new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Namespaced: false);
    private static readonly ResourceKind ClusterRoleBindings = new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Namespaced: false);
    private static readonly ResourceKind DaemonSets = new("apps", "v1", "daemonsets", "DaemonSet");
    private static readonly ResourceKind RulesReviews = new("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", Namespaced: false);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_agents_token_reads_the_secrets_of_its_own_namespace_by_name_and_no_others()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = await AddShopAsync(cluster);
        using var agent = new ApiClient(await cluster.ConfigOfAsync("node-agent"));

        await cluster.Api.CreateAsync(KubernetesResources.Secrets, SuiteCluster.System, Secret(cluster.Name("made")), Cancellation);
        await ExpectAllowedAsync(() => agent.GetAsync(KubernetesResources.Secrets, SuiteCluster.System, cluster.Name("made"), Cancellation));
        await ExpectRefusedAsync(
            () => agent.GetAsync(KubernetesResources.Secrets, shop, "password", Cancellation),
            () => agent.GetAsync(KubernetesResources.Secrets, "kube-system", "admin", Cancellation),
            () => ListAsync(agent, KubernetesResources.Secrets, SuiteCluster.System),
            () => ListAsync(agent, KubernetesResources.Secrets, shop),
            () => ListAsync(agent, KubernetesResources.Secrets, null),
            () => agent.CreateAsync(KubernetesResources.Secrets, shop, Secret("made"), Cancellation),
            () => agent.CreateAsync(KubernetesResources.Secrets, SuiteCluster.System, Secret("another"), Cancellation),
            // The way to the rights of the controller: a Secret that the cluster fills with its token.
            () => agent.CreateAsync(KubernetesResources.Secrets, SuiteCluster.System, TokenSecret("velero"), Cancellation),
            () => PatchAsync(agent, KubernetesResources.Secrets, SuiteCluster.System, cluster.Name("made")),
            () => agent.DeleteAsync(KubernetesResources.Secrets, SuiteCluster.System, cluster.Name("made"), new DeleteOptions(), Cancellation));
        await cluster.DeleteAsync(KubernetesResources.Secrets, SuiteCluster.System, cluster.Name("made"));
    }

    [Fact]
    public async Task An_agents_token_looks_at_pods_and_neither_makes_nor_enters_nor_changes_them()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = await AddShopAsync(cluster);
        using var agent = new ApiClient(await cluster.ConfigOfAsync("node-agent"));

        await ExpectAllowedAsync(() => agent.GetAsync(KubernetesResources.Pods, shop, "web", Cancellation), () => ListAsync(agent, KubernetesResources.Pods, null));
        foreach (var ns in (string[])[shop, SuiteCluster.System, "kube-system"])
        {
            await ExpectRefusedAsync(
                () => agent.CreateAsync(KubernetesResources.Pods, ns, Pod("made"), Cancellation),
                () => agent.CreateAsync(Sub("pods/web/exec"), ns, Empty("v1", "PodExecOptions"), Cancellation),
                () => agent.CreateAsync(Sub("pods/web/attach"), ns, Empty("v1", "PodAttachOptions"), Cancellation),
                () => agent.CreateAsync(Sub("pods/web/eviction"), ns, Empty("policy/v1beta1", "Eviction"), Cancellation),
                () => agent.GetAsync(Sub("pods/web"), ns, "log", Cancellation),
                () => PatchAsync(agent, KubernetesResources.Pods, ns, "web"),
                () => agent.PatchStatusAsync(KubernetesResources.Pods, ns, "web", [], null, Cancellation),
                () => agent.DeleteAsync(KubernetesResources.Pods, ns, "web", new DeleteOptions(), Cancellation),
                () => agent.CreateAsync(DaemonSets, ns, Empty("apps/v1", "DaemonSet"), Cancellation));
        }
    }

    [Fact]
    public async Task An_agents_token_reports_on_the_work_that_it_was_given_and_gives_none()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        await cluster.CreateAsync("""
            apiVersion: velero.io/v1
            kind: PodVolumeBackup
            metadata: {name: work, namespace: velero}
            spec: {node: n, pod: {namespace: a, name: p}, volume: v, backupStorageLocation: l, repoIdentifier: "", uploaderType: kopia}
            """);
        using var agent = new ApiClient(await cluster.ConfigOfAsync("node-agent"));

        await ExpectAllowedAsync(
            () => ListAsync(agent, VeleroResources.PodVolumeBackups, SuiteCluster.System),
            () => ListAsync(agent, VeleroResources.PodVolumeRestores, SuiteCluster.System),
            () => agent.PatchStatusAsync(VeleroResources.PodVolumeBackups, SuiteCluster.System, "work", new JsonObject { ["phase"] = "Accepted" }, null, Cancellation),
            () => agent.FindAsync(VeleroResources.BackupStorageLocations, SuiteCluster.System, "none", Cancellation));
        var written = VeleroResources.All.Where(k => k.Kind is not ("PodVolumeBackup" or "PodVolumeRestore")).ToArray();
        Assert.True(written.Length >= 9);
        foreach (var kind in VeleroResources.All)
        {
            await ExpectRefusedAsync(
                () => agent.CreateAsync(kind, SuiteCluster.System, Empty(kind.ApiVersion, kind.Kind), Cancellation),
                () => PatchAsync(agent, kind, SuiteCluster.System, "work"),
                () => agent.DeleteAsync(kind, SuiteCluster.System, "work", new DeleteOptions(), Cancellation),
                () => ListAsync(agent, kind, "default"));
        }

        foreach (var kind in written)
        {
            await ExpectRefusedAsync(
                () => ListAsync(agent, kind, SuiteCluster.System),
                () => agent.PatchStatusAsync(kind, SuiteCluster.System, "work", [], null, Cancellation));
        }
    }

    [Fact]
    public async Task An_agents_token_gains_no_other_rights_and_touches_no_nodes()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = await AddShopAsync(cluster);
        using var agent = new ApiClient(await cluster.ConfigOfAsync("node-agent"));
        foreach (var ns in (string[])[shop, SuiteCluster.System, "kube-system"])
        {
            await ExpectRefusedAsync(
                () => agent.GetAsync(KubernetesResources.ConfigMaps, ns, "kube-root-ca.crt", Cancellation),
                () => ListAsync(agent, KubernetesResources.ConfigMaps, ns),
                () => agent.CreateAsync(Sub("serviceaccounts/default/token"), ns, TokenRequest(), Cancellation),
                () => agent.CreateAsync(Sub("serviceaccounts/velero/token"), ns, TokenRequest(), Cancellation),
                () => ListAsync(agent, ServiceAccounts, ns),
                () => agent.CreateAsync(Roles, ns, Role("more"), Cancellation),
                () => agent.CreateAsync(RoleBindings, ns, Binding("RoleBinding", "more"), Cancellation),
                () => PatchAsync(agent, Roles, ns, "nodeagent-agent"),
                () => ListAsync(agent, KubernetesResources.PersistentVolumeClaims, ns));
        }

        await ExpectRefusedAsync(
            () => agent.CreateAsync(ClusterRoleBindings, null, Binding("ClusterRoleBinding", "more"), Cancellation),
            () => PatchAsync(agent, ClusterRoles, null, "nodeagent-agent"),
            () => PatchAsync(agent, Nodes, null, cluster.Node),
            () => agent.GetAsync(Nodes, null, cluster.Node, Cancellation),
            () => ListAsync(agent, KubernetesResources.Namespaces, null),
            () => ListAsync(agent, Volumes, null),
            () => agent.GetAsync(KubernetesResources.Leases, "kube-system", "kube-scheduler", Cancellation),
            () => PatchAsync(agent, KubernetesResources.Leases, "kube-system", "kube-scheduler"));
        // Not one of these is refused because there is nothing of the name.
        await ExpectAllowedAsync(() => agent.FindAsync(KubernetesResources.PersistentVolumeClaims, shop, "none", Cancellation));
    }

    [Fact]
    public async Task The_rights_of_the_agent_are_these_and_no_more()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);

        Assert.Equal(
            [
                "coordination.k8s.io leases: create,patch",
                "persistentvolumeclaims: get",
                "pods: get,list,watch",
                "secrets: get",
                "velero.io backupstoragelocations: get",
                "velero.io podvolumebackups: list,watch",
                "velero.io podvolumebackups/status: patch",
                "velero.io podvolumerestores: list,watch",
                "velero.io podvolumerestores/status: patch",
            ],
            await RulesOfAsync(cluster, "node-agent", SuiteCluster.System));
        Assert.Equal(["persistentvolumeclaims: get", "pods: get,list,watch"], await RulesOfAsync(cluster, "node-agent", "default"));
    }

    [Fact]
    public async Task The_controllers_token_deletes_only_what_is_its_own_and_snapshots_of_volumes()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = await AddShopAsync(cluster);
        using var controller = new ApiClient(await cluster.ConfigOfAsync("velero"));

        await ExpectRefusedAsync(
            () => controller.DeleteAsync(KubernetesResources.Pods, shop, "web", new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(KubernetesResources.Secrets, shop, "password", new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(KubernetesResources.Secrets, SuiteCluster.System, "velero-repo-credentials", new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(KubernetesResources.Namespaces, null, shop, new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(Nodes, null, cluster.Node, new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(Volumes, null, "any", new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(ClusterRoles, null, "cluster-admin", new DeleteOptions(), Cancellation),
            () => controller.DeleteAsync(Services, shop, "any", new DeleteOptions(), Cancellation));
        // What it is there for, and why its token is as good as an administrator's (docs/security.md).
        await ExpectAllowedAsync(
            () => ListAsync(controller, KubernetesResources.Secrets, null),
            () => controller.DeleteAsync(VeleroResources.Backups, SuiteCluster.System, "none", new DeleteOptions(), Cancellation),
            () => controller.CreateAsync(Roles, shop, Role("restored"), Cancellation),
            () => PatchAsync(controller, KubernetesResources.Pods, shop, "web"));
        Assert.Equal(
            [
                "* *: create,get,list,patch,update,watch",
                "rbac.authorization.k8s.io clusterroles: bind,escalate",
                "rbac.authorization.k8s.io roles: bind,escalate",
                "snapshot.storage.k8s.io *: delete",
                "velero.io *: delete",
            ],
            await RulesOfAsync(cluster, "velero", SuiteCluster.System));
    }

    [Fact]
    public async Task A_tenant_who_may_edit_a_namespace_annotates_pods_and_reaches_nothing_of_the_backups()
    {
        await using var cluster = await SuiteCluster.StartAsync(ApiServerKind.Real, servers: false);
        var shop = await AddShopAsync(cluster);
        await cluster.CreateAsync($$"""
            apiVersion: v1
            kind: ServiceAccount
            metadata: {name: tenant, namespace: {{shop}}}
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: tenant, namespace: {{shop}}}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
            subjects: [{kind: ServiceAccount, name: tenant, namespace: {{shop}}}]
            """);
        using var tenant = new ApiClient(await cluster.ConfigOfAsync("tenant", shop));

        await ExpectAllowedAsync(
            () => tenant.PatchAsync(KubernetesResources.Pods, shop, "web", new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["backup.velero.io/backup-volumes"] = "data" } } }, KubernetesJsonContext.Default.KubernetesObject, null, Cancellation),
            () => tenant.GetAsync(KubernetesResources.Secrets, shop, "password", Cancellation));
        foreach (var kind in VeleroResources.All)
        {
            foreach (var ns in (string[])[SuiteCluster.System, shop])
            {
                await ExpectRefusedAsync(
                    () => tenant.CreateAsync(kind, ns, Empty(kind.ApiVersion, kind.Kind), Cancellation),
                    () => ListAsync(tenant, kind, ns),
                    () => PatchAsync(tenant, kind, ns, "any"));
            }
        }

        await ExpectRefusedAsync(
            () => tenant.GetAsync(KubernetesResources.Secrets, SuiteCluster.System, "velero-repo-credentials", Cancellation),
            () => tenant.CreateAsync(Sub("serviceaccounts/velero/token"), SuiteCluster.System, TokenRequest(), Cancellation),
            () => tenant.CreateAsync(Sub("pods/any/exec"), SuiteCluster.System, Empty("v1", "PodExecOptions"), Cancellation),
            () => tenant.CreateAsync(KubernetesResources.Pods, SuiteCluster.System, Pod("made"), Cancellation));
    }

    private static ResourceKind Sub(string path) => new("", "v1", path, "");

    private static async Task<string> AddShopAsync(SuiteCluster cluster)
    {
        var shop = cluster.Name("rights");
        await cluster.CreateAsync($$"""
            apiVersion: v1
            kind: Namespace
            metadata: {name: {{shop}}}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: password, namespace: {{shop}}}
            data: {password: c2VjcmV0}
            """);
        // Pods are refused until the namespace has its service account.
        await cluster.WaitAsync(ServiceAccounts, shop, "default", "its service account", a => a is not null);
        await cluster.CreateAsync($$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: {{shop}}}
            spec: {containers: [{name: web, image: "example.com/web:1"}]}
            """);
        return shop;
    }

    private static KubernetesObject Empty(string version, string kind) =>
        new(new JsonObject { ["apiVersion"] = version, ["kind"] = kind, ["metadata"] = new JsonObject { ["name"] = "made" } });

    private static KubernetesObject Secret(string name) => new(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = new JsonObject { ["name"] = name } });

    private static KubernetesObject TokenSecret(string account) => new((JsonObject)JsonNode.Parse($$"""
        {"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"token","annotations":{"kubernetes.io/service-account.name":"{{account}}"} } }
        """)!);

    private static KubernetesObject Pod(string name) => new((JsonObject)JsonNode.Parse($$"""
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{name}}"},"spec":{"containers":[{"name":"c","image":"example.com/c:1"}]} }
        """)!);

    private static KubernetesObject TokenRequest() => new((JsonObject)JsonNode.Parse("""{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}""")!);

    private static KubernetesObject Role(string name) => new((JsonObject)JsonNode.Parse($$"""
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"{{name}}"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}
        """)!);

    private static KubernetesObject Binding(string kind, string name) => new((JsonObject)JsonNode.Parse($$"""
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"{{kind}}","metadata":{"name":"{{name}}"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},
         "subjects":[{"kind":"ServiceAccount","name":"node-agent","namespace":"velero"}]}
        """)!);

    private static async Task ListAsync(ApiClient client, ResourceKind kind, string? ns)
    {
        await foreach (var _ in client.ListAsync(kind, ns, new ListOptions(), Cancellation))
        {
        }
    }

    private static Task<KubernetesObject> PatchAsync(ApiClient client, ResourceKind kind, string? ns, string name) =>
        client.PatchAsync(kind, ns, name, new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["tried"] = "yes" } } }, KubernetesJsonContext.Default.KubernetesObject, null, Cancellation);

    private static async Task ExpectAllowedAsync(params Func<Task>[] requests)
    {
        for (var i = 0; i < requests.Length; i++)
        {
            var failure = await Record.ExceptionAsync(requests[i]);
            Assert.True(failure is null, $"request {i} that is needed: {failure?.Message}");
        }
    }

    private static async Task ExpectRefusedAsync(params Func<Task>[] requests)
    {
        for (var i = 0; i < requests.Length; i++)
        {
            var failure = await Record.ExceptionAsync(requests[i]);
            Assert.True(failure is ApiException { StatusCode: HttpStatusCode.Forbidden }, $"request {i} was not refused: {failure?.Message ?? "it was carried out"}");
        }
    }

    /// <summary>All that a service account of the system's namespace may do in a namespace but what everybody may: "group resource: verbs".</summary>
    private static async Task<IReadOnlyList<string>> RulesOfAsync(SuiteCluster cluster, string serviceAccount, string ns)
    {
        using var client = new ApiClient(await cluster.ConfigOfAsync(serviceAccount));
        var review = new KubernetesObject(new JsonObject { ["apiVersion"] = RulesReviews.ApiVersion, ["kind"] = RulesReviews.Kind, ["spec"] = new JsonObject { ["namespace"] = ns } });
        var status = (await client.CreateAsync(RulesReviews, null, review, Cancellation)).Json["status"]!;
        Assert.False((bool?)status["incomplete"] ?? false);
        var verbs = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var rule in status["resourceRules"]!.AsArray())
        {
            foreach (var group in rule!["apiGroups"]!.AsArray())
            {
                foreach (var resource in rule["resources"]!.AsArray())
                {
                    // What everybody who signed in may ask: about themselves.
                    if ((string?)group == "authorization.k8s.io") continue;
                    var name = $"{group} {resource}".Trim();
                    if (!verbs.TryGetValue(name, out var known)) verbs[name] = known = new SortedSet<string>(StringComparer.Ordinal);
                    foreach (var verb in rule["verbs"]!.AsArray()) known.Add((string)verb!);
                }
            }
        }

        return [.. verbs.Select(v => $"{v.Key}: {string.Join(',', v.Value)}")];
    }
}
