using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Maintenance;

/// <summary>
/// Makes a BackupRepository for each location, by which its maintenance is watched and set. Velero has one for each namespace and
/// location; here all namespaces share the location's repository.
/// </summary>
internal sealed class RepositoryObjects(ClusterClient cluster, ControllerOptions options)
{
    /// <summary>The value of label velero.io/repository-type on those that are ours.</summary>
    public const string RepositoryType = "nodeagent";

    /// <summary>What stands for all namespaces; the schema wants something.</summary>
    private const string AllNamespaces = "*";

    private const string Suffix = "-" + RepositoryType;

    public static bool IsOurs(JsonObject repository) => repository.Label(VeleroLabels.RepositoryType) == RepositoryType;

    /// <summary>The object's name. Short enough for a label, as Velero's is.</summary>
    public static string NameOf(string location) => VeleroLabels.ToLabelValue(location + Suffix);

    /// <summary>Makes the object of a location when there is none; what somebody set in it stays.</summary>
    public async Task<TimeSpan?> EnsureAsync(JsonObject location, CancellationToken cancellation)
    {
        var name = NameOf(location.Name());
        if (location.Text("metadata", "deletionTimestamp") is not null) return null;
        if (await cluster.GetAsync(VeleroResources.BackupRepositories, options.Namespace, name, cancellation) is not null) return null;
        var body = new JsonObject
        {
            ["apiVersion"] = VeleroResources.ApiVersion,
            ["kind"] = BackupRepository.KindName,
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = options.Namespace,
                ["labels"] = new JsonObject
                {
                    [VeleroLabels.StorageLocation] = VeleroLabels.ToLabelValue(location.Name()),
                    [VeleroLabels.RepositoryType] = RepositoryType,
                },
                // Goes with its location.
                ["ownerReferences"] = new JsonArray(new JsonObject
                {
                    ["apiVersion"] = VeleroResources.ApiVersion,
                    ["kind"] = BackupStorageLocation.KindName,
                    ["name"] = location.Name(),
                    ["uid"] = location.Uid(),
                }),
            },
            ["spec"] = new JsonObject
            {
                ["volumeNamespace"] = AllNamespaces,
                ["backupStorageLocation"] = location.Name(),
                ["repositoryType"] = "",
                ["maintenanceFrequency"] = GoDuration.Format(options.DefaultRepoMaintainFrequency),
            },
        };
        try
        {
            await cluster.CreateAsync(VeleroResources.BackupRepositories, options.Namespace, body, cancellation);
        }
        catch (ApiException e) when (e.IsAlreadyExists)
        {
            // Made a moment ago.
        }

        return null;
    }
}
