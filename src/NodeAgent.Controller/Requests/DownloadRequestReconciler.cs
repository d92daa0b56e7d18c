using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Requests;

/// <summary>
/// Answers where a file of a backup or restore can be fetched: at a signed URL of an object store; of a directory, which has none, at this
/// controller or, when it serves no files, at a file:// URL, of use to whoever has the directory mounted at the same path. That of an encrypted
/// file comes with the key to this one file.
/// </summary>
/// <param name="cluster">The cluster.</param>
/// <param name="locations">Where the files are.</param>
/// <param name="options">The controller's settings.</param>
/// <param name="services">Clock and log.</param>
/// <param name="served">What addresses of files begin with that the controller serves; null when it serves none.</param>
internal sealed class DownloadRequestReconciler(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ControllerServices services, Uri? served)
{
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan SeenAgain = TimeSpan.FromSeconds(1);

    private readonly DownloadTargets _targets = new(cluster, locations, options);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        var phase = item.Text("status", "phase");
        if (phase is DownloadRequestPhase.Processed or DownloadRequestPhase.Failed) return await ExpireAsync(item, cancellation);
        var (url, problem) = await ResolveAsync(item, cancellation);
        var status = new JsonObject
        {
            ["phase"] = url is null ? DownloadRequestPhase.Failed : DownloadRequestPhase.Processed,
            ["downloadURL"] = url,
            ["message"] = problem,
            ["expiration"] = ApiTimeConverter.Format(services.Time.GetUtcNow() + Validity),
        };
        try
        {
            // Only if it is as it was seen: an address that somebody has fetched already would be worth nothing beside a second one.
            await cluster.PatchStatusAsync(VeleroResources.DownloadRequests, options.Namespace, item.Name(), status, cancellation, item.Text("metadata", "resourceVersion"));
            return Validity;
        }
        catch (ApiException e) when (e.IsConflict)
        {
            return SeenAgain;
        }
    }

    private async Task<(string? Url, string? Problem)> ResolveAsync(JsonObject item, CancellationToken cancellation)
    {
        var (target, problem) = await _targets.FindAsync(item.Text("spec", "target", "kind") ?? "", item.Text("spec", "target", "name") ?? "", cancellation);
        if (target is null) return (null, problem);
        await using var bucket = target.Bucket;
        try
        {
            var address = await bucket.AddressForDownloadAsync(target.Key, Validity, cancellation);
            return ((address.IsFile && served is not null ? DownloadAddress.Make(served, item.Name(), address.Fragment) : address).AbsoluteUri, null);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is InvalidDataException)
        {
            return (null, $"backup storage location \"{target.Location}\": {e.Message}");
        }
    }

    private async Task<TimeSpan?> ExpireAsync(JsonObject item, CancellationToken cancellation)
    {
        if (!DateTimeOffset.TryParse(item.Text("status", "expiration"), System.Globalization.CultureInfo.InvariantCulture, out var expires)) return null;
        var left = expires - services.Time.GetUtcNow();
        if (left > TimeSpan.Zero) return left;
        await cluster.DeleteAsync(VeleroResources.DownloadRequests, options.Namespace, item.Name(), cancellation);
        return null;
    }
}
