using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Locations;

/// <summary>Checks backup storage locations and says on each whether it can be used, and if not, why.</summary>
internal sealed class LocationReconciler(ClusterClient cluster, StorageLocations locations, BackupSync sync, ControllerOptions options, ControllerServices services)
{
    private const int MaxNamed = 3;

    // Velero refuses a prefix with other folders; lost+found and hidden entries are a file system's own.
    private static readonly string[] AllowedFolders = ["backups", "restores", "restic", "metadata", "plugins", "kopia", "lost+found"];

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
            await WriteAsync(item, $"the object is malformed at {e.Path}: {e.Message}", cancellation);
            return null;
        }

        await WarnOfSeveralDefaultsAsync(cancellation);
        var frequency = location.Spec.ValidationFrequency ?? options.StoreValidationFrequency;
        var checkedBefore = !string.IsNullOrEmpty(location.Status?.Phase);
        if (frequency <= TimeSpan.Zero && checkedBefore) return location.Status!.Phase == LocationPhase.Available ? await sync.ReconcileAsync(location, cancellation) : null;

        // Looking costs a few system calls, so it is done at every change; it is written down when it is news or due.
        // Emptiness before the check, which makes the root; and absence before both, or a directory that appears in between,
        // empty, would pass the one because it was not there and the other because it is.
        var problem = Absence(location) ?? await locations.EmptinessOfAsync(location, cancellation) ?? Check(location);
        var phase = problem is null ? LocationPhase.Available : LocationPhase.Unavailable;
        var last = location.Status?.LastValidationTime;
        var due = last is null || services.Time.GetUtcNow() - last.Value >= frequency;
        if (due || location.Status?.Phase != phase || (location.Status?.Message ?? "") != (problem ?? "")) await WriteAsync(item, problem, cancellation);
        services.Telemetry.SetLocationAvailable(location.Metadata.Name!, problem is null);
        TimeSpan? again = frequency > TimeSpan.Zero ? frequency : null;
        var synced = problem is null ? await sync.ReconcileAsync(location, cancellation) : null;
        return again is null || synced < again ? synced ?? again : again;
    }

    /// <summary>What is wrong with the location, in a sentence; null when it can be used.</summary>
    internal static string? Check(BackupStorageLocation location)
    {
        if (Absence(location) is { } absence) return absence;
        FilesystemLocation.Resolve(location.Spec, out var root);
        var readOnly = location.Spec.AccessMode == LocationAccessMode.ReadOnly;
        try
        {
            if (!readOnly) Directory.CreateDirectory(root);
            else if (!Directory.Exists(root)) return $"directory {root} does not exist, and a read-only location is not created";
            var unknown = Directory.EnumerateDirectories(root).Select(d => Path.GetFileName(d)!)
                .Where(name => !name.StartsWith('.') && !AllowedFolders.Contains(name)).Order(StringComparer.Ordinal).ToList();
            if (unknown.Count > 0)
            {
                var more = unknown.Count > MaxNamed ? $" and {unknown.Count - MaxNamed} more" : "";
                var names = string.Join(", ", unknown.Take(MaxNamed).Select(n => JsonEncodedText.Encode(n).ToString()));
                return $"{root} holds folders that are no part of a backup location: {names}{more}; use an empty directory or another prefix";
            }

            if (!readOnly) ProveWritable(root);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{root} cannot be {(readOnly ? "read" : "written")}: {e.Message}";
        }
    }

    private static string? Absence(BackupStorageLocation location)
    {
        if (FilesystemLocation.Resolve(location.Spec, out _) is { } problem) return problem;
        var path = location.Spec.Config!["path"];
        return Directory.Exists(path) ? null : $"directory {path} does not exist or is not mounted in the controller's pod";
    }

    private static void ProveWritable(string root)
    {
        var probe = Path.Combine(root, $".write-check-{Guid.NewGuid():N}.tmp");
        using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
        {
        }
    }

    private async Task WriteAsync(JsonObject item, string? problem, CancellationToken cancellation) =>
        await cluster.PatchStatusAsync(VeleroResources.BackupStorageLocations, options.Namespace, item.Name(), new JsonObject
        {
            ["phase"] = problem is null ? LocationPhase.Available : LocationPhase.Unavailable,
            ["message"] = problem,
            ["lastValidationTime"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
        }, cancellation);

    private async Task WarnOfSeveralDefaultsAsync(CancellationToken cancellation)
    {
        var defaults = (await locations.ListAsync(cancellation)).Where(l => l.Spec.Default == true).Select(l => l.Metadata.Name!).Order(StringComparer.Ordinal).ToList();
        var names = string.Join(", ", defaults);
        // Said once for each set of names; it would otherwise be repeated every minute.
        if (defaults.Count > 1 && names != _severalDefaults)
        {
            var chosen = await locations.FindAsync(null, cancellation);
            services.Log.SeveralDefaults(names, chosen?.Metadata.Name ?? "");
        }

        _severalDefaults = names;
    }
}
