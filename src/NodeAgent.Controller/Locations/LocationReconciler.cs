using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Controller.Locations;

/// <summary>Checks backup storage locations and says on each whether it can be used, and if not, why.</summary>
internal sealed class LocationReconciler(ClusterClient cluster, StorageLocations locations, BackupSync sync, ControllerOptions options, ControllerServices services)
{
    private const int MaxNamed = 3;

    // A server that was away for a moment is not to refuse backups for a minute more.
    private static readonly TimeSpan UnavailableFrequency = TimeSpan.FromSeconds(10);

    // Velero refuses a prefix with other folders; lost+found and hidden entries are a file system's own.
    private static readonly string[] AllowedFolders = ["backups", "restores", "restic", "metadata", "plugins", "kopia", "lost+found"];

    // What the settings were at the last look, by name. Touched by one call of the reconciler at a time, and only a cache: a controller
    // that is started looks anew at every location that is not known to be in order.
    private readonly Dictionary<string, string> _lookedAt = new(StringComparer.Ordinal);
    private string _severalDefaults = "";

    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        BackupStorageLocation location;
        try
        {
            location = item.Deserialize(VeleroJsonContext.Default.BackupStorageLocation)!;
        }
        catch (JsonException e)
        {
            await WriteAsync(item, LocationPhase.Unavailable, $"the object is malformed at {e.Path}: {e.Message}", cancellation);
            return null;
        }

        var rivalry = await WarnOfSeveralDefaultsAsync(location, cancellation);
        var usually = location.Spec.ValidationFrequency ?? options.StoreValidationFrequency;
        var frequency = location.Status?.Phase == LocationPhase.Unavailable && usually > UnavailableFrequency ? UnavailableFrequency : usually;
        var (description, problem) = await DescribeAsync(location, cancellation);
        var settings = description is null ? "" : Fingerprint(location, description);
        var isNews = IsNews(location, settings);
        if (frequency <= TimeSpan.Zero && !isNews) return location.Status?.Phase == LocationPhase.Available && description is not null ? await SyncAsync(location, description, cancellation) : null;

        // A look at a directory costs a few system calls, so it is done at every change. What is found is written down when it is news or due.
        var last = location.Status?.LastValidationTime;
        var untilDue = last is null ? TimeSpan.Zero : last.Value + frequency - services.Time.GetUtcNow();
        var due = untilDue <= TimeSpan.Zero;
        var wasAvailable = location.Status?.Phase == LocationPhase.Available;
        // Each event of the object brings us here, the writing of its status too; a remote place is not asked again for those.
        if (description is not null && LocationProviders.IsRemote(description.Provider) && !due && !isNews)
            return wasAvailable && await SyncAsync(location, description, cancellation) is { } soon && soon < untilDue ? soon : untilDue;
        if (description is not null) problem = await CheckAsync(location, description, isNews || !wasAvailable, cancellation);
        var phase = problem is null ? LocationPhase.Available : LocationPhase.Unavailable;
        var message = problem ?? (string.Join("; ", LocationProviders.NotesOn(description!).Concat(rivalry)) is { Length: > 0 } notes ? notes : null);
        if (due || location.Status?.Phase != phase || (location.Status?.Message ?? "") != (message ?? "")) await WriteAsync(item, phase, message, cancellation);
        _lookedAt[location.Metadata.Name!] = settings;
        services.Telemetry.SetLocationAvailable(location.Metadata.Name!, problem is null);
        TimeSpan? again = usually <= TimeSpan.Zero ? null : problem is not null && usually > UnavailableFrequency ? UnavailableFrequency : usually;
        var synced = problem is null ? await SyncAsync(location, description!, cancellation) : null;
        return again is null || synced < again ? synced ?? again : again;
    }

    /// <summary>
    /// True for a location that is seen for the first time and was not found in order before, and for one whose settings, Secrets included, are
    /// not those of the last look. With a validation frequency of 0 nothing else brings a new look.
    /// </summary>
    private bool IsNews(BackupStorageLocation location, string settings)
    {
        if (_lookedAt.TryGetValue(location.Metadata.Name!, out var before)) return before != settings;
        // Found in order by a controller before this one.
        if (location.Status?.Phase == LocationPhase.Available) _lookedAt[location.Metadata.Name!] = settings;
        return location.Status?.Phase != LocationPhase.Available;
    }

    /// <summary>A hash, so that no Secret is kept in memory for longer than it is used.</summary>
    private static string Fingerprint(BackupStorageLocation location, LocationDescription description)
    {
        // One that was deleted and made again is another, although it says the same.
        var text = new StringBuilder(location.Metadata.Uid).Append('\0').Append(JsonSerializer.Serialize(location.Spec, VeleroJsonContext.Default.BackupStorageLocationSpec));
        text.Append('\0').Append(description.CaCertificate).Append('\0').Append(description.Credentials).Append('\0').Append(Convert.ToBase64String(description.CustomerKey.Span));
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private async Task<(LocationDescription? Description, string? Problem)> DescribeAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        try
        {
            return (await locations.DescribeAsync(location, cancellation), null);
        }
        catch (LocationException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>What is wrong with the location, in a sentence; null when it can be used.</summary>
    /// <param name="location">The location.</param>
    /// <param name="description">Where it is.</param>
    /// <param name="thoroughly">Whether a remote place must take a file; that leaves a version behind in a bucket that keeps them, and costs.</param>
    /// <param name="cancellation">Stops it.</param>
    private async Task<string?> CheckAsync(BackupStorageLocation location, LocationDescription description, bool thoroughly, CancellationToken cancellation)
    {
        var readOnly = options.RestoreOnly || location.Spec.AccessMode == LocationAccessMode.ReadOnly;
        try
        {
            await using var bucket = locations.OpenBucket(description, RetryOptions.ForChecks);
            // Emptiness before the check, which makes the root; and absence before both, or a directory that appears in between,
            // empty, would pass the one because it was not there and the other because it is.
            await bucket.RequireAsync(cancellation);
            if (await locations.EmptinessOfAsync(location, bucket, cancellation) is { } emptiness) return emptiness;
            var isRemote = LocationProviders.IsRemote(description.Provider);
            if (readOnly && !isRemote && !Directory.Exists(bucket.Location)) return $"directory {bucket.Location} does not exist, and a read-only location is not created";
            if (await UnknownFoldersAsync(bucket, cancellation) is { } unknown) return unknown;
            if (!readOnly && thoroughly) await bucket.CheckKeysAsync(cancellation);
            if (!readOnly && (thoroughly || !isRemote)) await bucket.ProveWritableAsync(cancellation);
            return null;
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            return e is StoreException or LocationException ? e.Message : $"{LocationProviders.DirectoryOf(description)} cannot be {(readOnly ? "read" : "written")}: {e.Message}";
        }
    }

    private static async Task<string?> UnknownFoldersAsync(LocationBucket bucket, CancellationToken cancellation)
    {
        var unknown = (await bucket.ListFoldersAsync("", cancellation)).Where(name => !name.StartsWith('.') && !AllowedFolders.Contains(name)).ToList();
        if (unknown.Count == 0) return null;
        var more = unknown.Count > MaxNamed ? $" and {unknown.Count - MaxNamed} more" : "";
        var names = string.Join(", ", unknown.Take(MaxNamed).Select(n => JsonEncodedText.Encode(n).ToString()));
        return $"{bucket.Location} holds folders that are no part of a backup location: {names}{more}; use an empty place or another prefix";
    }

    /// <summary>A place that fails in the middle of it is tried again when it is due; the next check says what is wrong with it.</summary>
    private async Task<TimeSpan?> SyncAsync(BackupStorageLocation location, LocationDescription description, CancellationToken cancellation)
    {
        try
        {
            await using var bucket = locations.OpenBucket(description, RetryOptions.ForChecks);
            return await sync.ReconcileAsync(location, bucket, cancellation);
        }
        catch (StoreException e)
        {
            services.Log.NotSynchronised(location.Metadata.Name!, e.Message);
            return options.ResyncPeriod;
        }
    }

    private async Task WriteAsync(JsonObject item, string phase, string? message, CancellationToken cancellation) =>
        await cluster.PatchStatusAsync(VeleroResources.BackupStorageLocations, options.Namespace, item.Name(), new JsonObject
        {
            ["phase"] = phase,
            ["message"] = message,
            ["lastValidationTime"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
        }, cancellation);

    /// <summary>Answers what to note on the location: nothing, unless it is one of several defaults.</summary>
    private async Task<string[]> WarnOfSeveralDefaultsAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        var defaults = (await locations.ListAsync(cancellation)).Where(l => l.Spec.Default == true).Select(l => l.Metadata.Name!).Order(StringComparer.Ordinal).ToList();
        var names = string.Join(", ", defaults);
        // Said once for each set of names; it would otherwise be repeated every minute.
        if (defaults.Count < 2)
        {
            _severalDefaults = names;
            return [];
        }

        var chosen = (await locations.FindAsync(null, cancellation))?.Metadata.Name ?? "";
        if (names != _severalDefaults) services.Log.SeveralDefaults(names, chosen);
        _severalDefaults = names;
        return location.Spec.Default == true ? [$"spec.default is set on {defaults.Count} locations ({names}), of which {chosen}, made last, is used; leave it on one"] : [];
    }
}
