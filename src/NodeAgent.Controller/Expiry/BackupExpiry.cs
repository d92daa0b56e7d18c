using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Expiry;

/// <summary>Asks for the deletion of backups whose time is over, or says on them why they cannot be deleted.</summary>
internal sealed class BackupExpiry(ClusterClient cluster, StorageLocations locations, ControllerOptions options, TimeProvider time)
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>When a backup that has ended is worth another look; null when that is now, or when it does not expire.</summary>
    public TimeSpan? UntilNextLook(JsonObject backup)
    {
        if (ExpirationOf(backup) is not { } expiration) return null;
        var left = expiration - time.GetUtcNow();
        return left <= TimeSpan.Zero ? null : left < Longest ? left : Longest;
    }

    /// <summary>Deals with a backup that has ended. Answers when it is worth another look.</summary>
    public async Task<TimeSpan?> ReconcileAsync(JsonObject backup, CancellationToken cancellation)
    {
        if (ExpirationOf(backup) is null || options.RestoreOnly || options.Disables(ControllerNames.Expiry)) return null;
        return UntilNextLook(backup) ?? await ExpireAsync(backup, cancellation);
    }

    /// <summary>Deals with a backup whose time is over, whatever it says itself. Answers when it is worth another look.</summary>
    public async Task<TimeSpan> ExpireAsync(JsonObject backup, CancellationToken cancellation)
    {
        if (await FailureAsync(backup, cancellation) is { } failure)
        {
            await LabelAsync(backup, failure, cancellation);
            return options.ResyncPeriod;
        }

        await foreach (var request in cluster.ListAsync(VeleroResources.DeleteBackupRequests, options.Namespace, null, cancellation))
        {
            // One under way is enough; one that failed stands for a day, so that a broken backup is not tried every minute.
            if (request.Text("spec", "backupName") == backup.Name()) return Longest;
        }

        await LabelAsync(backup, null, cancellation);
        await RequestDeletionAsync(backup, cancellation);
        return Longest;
    }

    /// <summary>A deletion that began is ended although its request was lost: half of the backup may be gone already.</summary>
    public async Task<TimeSpan?> ResumeDeletionAsync(JsonObject backup, CancellationToken cancellation)
    {
        await foreach (var request in cluster.ListAsync(VeleroResources.DeleteBackupRequests, options.Namespace, null, cancellation))
        {
            if (request.Text("spec", "backupName") == backup.Name()) return options.ResyncPeriod;
        }

        // Read once more: the request goes after its backup has.
        if ((await cluster.GetAsync(VeleroResources.Backups, options.Namespace, backup.Name(), cancellation)).Text("status", "phase") != BackupPhase.Deleting) return null;
        await RequestDeletionAsync(backup, cancellation);
        return options.ResyncPeriod;
    }

    private async Task RequestDeletionAsync(JsonObject backup, CancellationToken cancellation)
    {
        var wanted = new DeleteBackupRequest
        {
            Metadata = new ObjectMeta
            {
                GenerateName = backup.Name() + "-",
                Namespace = options.Namespace,
                Labels = new Dictionary<string, string>
                {
                    [VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(backup.Name()),
                    [VeleroLabels.BackupUid] = backup.Uid(),
                },
            },
            Spec = new DeleteBackupRequestSpec { BackupName = backup.Name() },
        };
        var body = (JsonObject)JsonSerializer.SerializeToNode(wanted, VeleroJsonContext.Default.DeleteBackupRequest)!;
        await cluster.CreateAsync(VeleroResources.DeleteBackupRequests, options.Namespace, body, cancellation);
    }

    private static DateTimeOffset? ExpirationOf(JsonObject backup) =>
        DateTimeOffset.TryParse(backup.Text("status", "expiration"), CultureInfo.InvariantCulture, out var expiration) ? expiration : null;

    private async Task<string?> FailureAsync(JsonObject backup, CancellationToken cancellation)
    {
        IReadOnlyList<string?> names = BackupLocations.NamesOf(backup);
        if (names.Count == 0) names = [null];
        // A backup that came from a bucket may name locations that this cluster never had; that of its spec it has.
        if (backup.Annotation(Sync.BackupSync.SyncedFrom) is not null) names = [backup.Text("spec", "storageLocation")];
        var found = 0;
        foreach (var name in names)
        {
            // One that the cluster has no more keeps no backup in the others; without any there is nothing that could be deleted.
            if (await locations.FindAsync(name, cancellation) is not { } location) continue;
            found++;
            if (location.Spec.AccessMode == LocationAccessMode.ReadOnly) return "BSLReadOnly";
            if (location.Status?.Phase != LocationPhase.Available) return "BSLUnavailable";
        }

        return found > 0 ? null : "BSLNotFound";
    }

    private async Task LabelAsync(JsonObject backup, string? failure, CancellationToken cancellation)
    {
        if (backup.Label(VeleroLabels.GcFailure) == failure) return;
        await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, backup.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VeleroLabels.GcFailure] = failure } },
        }, null, cancellation);
    }
}
