using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Controller.Work;

/// <summary>Finds the location that a backup names or falls to, and opens it.</summary>
internal sealed class StorageLocations(ClusterClient cluster, ControllerOptions options, TimeProvider time)
{
    /// <summary>What is said of whatever would write to a location or remove something from it.</summary>
    public const string RestoreOnlyReason = "this server only restores (--restore-only): start it without that flag to make and delete backups";

    private readonly RepositorySecrets _secrets = new(cluster, options);

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

        return null;
    }

    /// <summary>
    /// The files of a location, or why they cannot be used. The caller disposes the bucket. What can only be told by asking the
    /// place, such as wrong credentials, is told by the bucket's own calls.
    /// </summary>
    public async Task<(LocationBucket? Bucket, string? Problem)> OpenAsync(BackupStorageLocation? location, string? name, bool forWriting, CancellationToken cancellation)
    {
        if (forWriting && options.RestoreOnly) return (null, RestoreOnlyReason);
        if (ProblemOf(location, name, forWriting) is { } problem) return (null, problem);
        try
        {
            var mayMake = !options.RestoreOnly && location!.Spec.AccessMode != LocationAccessMode.ReadOnly;
            return (OpenBucket(await DescribeAsync(location!, cancellation), RetryOptions.ForController, mayMake), null);
        }
        catch (LocationException e)
        {
            return (null, $"backup storage location \"{location!.Metadata.Name}\" cannot be used: {e.Message}");
        }
    }

    /// <summary>The files at a described place. The caller disposes the bucket.</summary>
    /// <param name="description">Where.</param>
    /// <param name="retry">How failures are met.</param>
    /// <param name="mayMakeRepository">Whether the first file that is encrypted there makes the repository that has the keys.</param>
    /// <exception cref="LocationException">The description cannot be used.</exception>
    public LocationBucket OpenBucket(LocationDescription description, RetryOptions retry, bool mayMakeRepository = false)
    {
        var workDirectory = options.WorkDirectory ?? Path.GetTempPath();
        var encrypts = LocationProviders.EncryptsMetadata(description);
        return new LocationBucket(LocationProviders.OpenBucket(description, workDirectory, retry), encrypts, new LocationKeys(description, mayMakeRepository, _secrets, time), workDirectory);
    }

    /// <summary>Where a location is, with what its Secrets hold.</summary>
    /// <exception cref="LocationException">A Secret is missing or malformed.</exception>
    public Task<LocationDescription> DescribeAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        var (spec, storage) = (location.Spec, location.Spec.ObjectStorage);
        var bare = new LocationDescription
        {
            Name = location.Metadata.Name ?? "",
            Provider = spec.Provider ?? "",
            Bucket = storage?.Bucket ?? "",
            Prefix = storage?.Prefix ?? "",
            Config = spec.Config ?? new Dictionary<string, string>(),
        };
        return new LocationSecrets(options.Namespace, FindSecretAsync).CompleteAsync(bare, EntryOf(spec.Credential), storage?.CaCert, EntryOf(storage?.CaCertRef), cancellation);
    }

    /// <summary>Makes what a location's repository will be opened with, before agents are asked to store volumes there. What is wrong with the location is theirs to tell.</summary>
    public async Task PrepareRepositoryAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        try
        {
            await _secrets.EnsureAsync(await DescribeAsync(location, cancellation), cancellation);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            // The volume's own backup meets it again and says so.
        }
    }

    /// <summary>
    /// Says so when a location holds nothing although backups in this cluster were stored in it: whatever is there is not what
    /// they were written to. Null when it may be used, or when something else is wrong with it that others tell.
    /// </summary>
    public async Task<string?> EmptinessOfAsync(BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        try
        {
            if (!await bucket.HoldsNothingAsync(cancellation)) return null;
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            return null;
        }

        var stored = 0;
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, null, cancellation))
        {
            if (backup.Text("spec", "storageLocation") == location.Metadata.Name && backup.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed) stored++;
        }

        if (stored == 0) return null;
        var doubt = LocationProviders.IsRemote(location.Spec.Provider) ? "are bucket and prefix the right ones" : "is it mounted";
        return $"{bucket.Location} holds nothing, though {(stored == 1 ? "a backup was" : $"{stored} backups were")} stored in it: {doubt}? If it was emptied on purpose, delete the Backup objects";
    }

    private static SecretEntry? EntryOf(SecretKeySelector? selector) => selector is null ? null : new SecretEntry(selector.Name ?? "", selector.Key ?? "");

    private async Task<IReadOnlyDictionary<string, string>?> FindSecretAsync(string name, CancellationToken cancellation) =>
        (await cluster.GetAsync(KubernetesResources.Secrets, options.Namespace, name, cancellation))?.StringMap("data");

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
