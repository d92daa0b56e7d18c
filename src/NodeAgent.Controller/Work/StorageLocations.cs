using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Work;

/// <summary>Finds the location that a backup names or falls to, and opens it.</summary>
internal sealed class StorageLocations(ClusterClient cluster, ControllerOptions options)
{
    /// <summary>
    /// The named location; else the one marked as default (of several, the one made last, as the newest wish of the user);
    /// else the one with the server's default name. Null when there is none.
    /// </summary>
    public async Task<BackupStorageLocation?> FindAsync(string? name, CancellationToken cancellation)
    {
        if (!string.IsNullOrEmpty(name))
        {
            return Read(await cluster.GetAsync(VeleroResources.BackupStorageLocations, options.Namespace, name, cancellation));
        }

        var all = await ListAsync(cancellation);
        return all.Where(l => l.Spec.Default == true).MaxBy(l => (l.Metadata.CreationTimestamp, l.Metadata.Name))
            ?? all.FirstOrDefault(l => l.Metadata.Name == options.DefaultBackupStorageLocation);
    }

    public async Task<IReadOnlyList<BackupStorageLocation>> ListAsync(CancellationToken cancellation)
    {
        var found = new List<BackupStorageLocation>();
        await foreach (var item in cluster.ListAsync(VeleroResources.BackupStorageLocations, options.Namespace, null, cancellation))
        {
            if (Read(item) is { } location) found.Add(location);
        }

        return found;
    }

    /// <summary>Why the location cannot be used, in a sentence; null when it can.</summary>
    public static string? ProblemOf(BackupStorageLocation? location, string? name, bool forWriting)
    {
        if (location is null)
        {
            return string.IsNullOrEmpty(name)
                ? "there is no default backup storage location: name one in spec.storageLocation or set spec.default on one"
                : $"backup storage location \"{name}\" does not exist";
        }

        if (location.Status?.Phase == LocationPhase.Unavailable)
        {
            return $"backup storage location \"{location.Metadata.Name}\" is unavailable: {location.Status.Message ?? "it gives no reason"}";
        }

        if (forWriting && location.Spec.AccessMode == LocationAccessMode.ReadOnly)
        {
            return $"backup storage location \"{location.Metadata.Name}\" is read-only";
        }

        return FilesystemLocation.Resolve(location.Spec, out _) is { } problem ? $"backup storage location \"{location.Metadata.Name}\": {problem}" : null;
    }

    /// <summary>
    /// Says so when a location holds nothing although backups in this cluster were stored in it: whatever is there is not what
    /// they were written to. Null when it may be used, or when something else is wrong with it that others tell.
    /// </summary>
    public async Task<string?> EmptinessOfAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        if (FilesystemLocation.Resolve(location.Spec, out var root) is not null) return null;
        try
        {
            if (!new LocationBucket(root).HoldsNothing()) return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        var stored = 0;
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, null, cancellation))
        {
            if (backup.Text("spec", "storageLocation") == location.Metadata.Name && backup.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed) stored++;
        }

        if (stored == 0) return null;
        return $"{root} holds nothing, though {(stored == 1 ? "a backup was" : $"{stored} backups were")} stored in it: is it mounted? If it was emptied on purpose, delete the Backup objects";
    }

    /// <summary>The files of a location whose spec was found valid.</summary>
    public static LocationBucket Open(BackupStorageLocation location) =>
        FilesystemLocation.Resolve(location.Spec, out var root) is { } problem ? throw new InvalidOperationException(problem) : new LocationBucket(root);

    private static BackupStorageLocation? Read(JsonObject? item)
    {
        try
        {
            return item?.Deserialize(VeleroJsonContext.Default.BackupStorageLocation);
        }
        catch (JsonException)
        {
            // Its own reconciler says on the object what is malformed; to everybody else it is not usable.
            return null;
        }
    }
}
