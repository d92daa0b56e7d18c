using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// The requests that the controller makes, for objects that stay JSON, so that fields this program does not know are carried
/// along. Fails as <see cref="ApiClient"/> does. Safe for concurrent use; the client belongs to the caller.
/// </summary>
internal sealed class ClusterClient(ApiClient api)
{
    private const int MaxAttempts = 5;

    private static readonly TimeSpan ConflictDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>Null when there is no such object, which is so for a text that can be no name, too.</summary>
    public async Task<JsonObject?> GetAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        name is "" or "." or ".." ? null : (await api.FindAsync(kind, ns, name, cancellation))?.Json;

    /// <summary>All objects, page by page. Each has its apiVersion and kind, which lists of built-in types leave out.</summary>
    public async IAsyncEnumerable<JsonObject> ListAsync(
        ResourceKind kind, string? ns, string? labelSelector, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var item in api.ListAsync(kind, ns, new ListOptions { LabelSelector = labelSelector }, cancellation)) yield return item.Json;
    }

    /// <summary>
    /// One list in one state of the cluster, page by page, with apiVersion and kind in each object. Throws an <see cref="ApiException"/> that
    /// <see cref="ApiException.IsGone"/> when the server forgets the state before the last page was asked for.
    /// </summary>
    public async IAsyncEnumerable<ObjectPage<KubernetesObject>> ListPagesAsync(ResourceKind kind, string? ns, bool inOnePiece, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var options = inOnePiece ? new ListOptions { PageSize = 0 } : ListOptions.All;
        await foreach (var page in api.ListPagesAsync(kind, ns, options, KubernetesJsonContext.Default.KubernetesObject, cancellation)) yield return page;
    }

    /// <summary>Creates the object. A name that the server made up and that another had already is made up anew.</summary>
    public async Task<JsonObject> CreateAsync(ResourceKind kind, string? ns, JsonObject body, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await api.CreateAsync(kind, ns, new KubernetesObject(body), cancellation)).Json;
            }
            catch (ApiException e) when (e.IsAlreadyExists && body.Name().Length == 0 && attempt < MaxAttempts)
            {
                // With another ending it will not.
            }
        }
    }

    /// <summary>Applies an RFC 7396 merge patch to the object, or to one of its subresources.</summary>
    public async Task<JsonObject> PatchAsync(ResourceKind kind, string? ns, string name, JsonObject patch, string? subresource, CancellationToken cancellation) =>
        (await RepeatAsync(patch.At("metadata", "resourceVersion") is null, () => api.PatchAsync(kind, ns, name, patch, KubernetesJsonContext.Default.KubernetesObject, subresource, cancellation), cancellation)).Json;

    /// <summary>Writes fields of the status, whether or not it is a subresource. False when the object is gone.</summary>
    /// <param name="resourceVersion">Fails with a conflict when the object is not this version any more; null writes in any case.</param>
    public async Task<bool> PatchStatusAsync(ResourceKind kind, string? ns, string name, JsonObject status, CancellationToken cancellation, string? resourceVersion = null)
    {
        try
        {
            await RepeatAsync(resourceVersion is null, () => api.PatchStatusAsync(kind, ns, name, status, resourceVersion, cancellation), cancellation);
            return true;
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>
    /// Sends a change again when somebody else's came between: the server tells of that also where no version was asked for, and the
    /// change stays the same whatever the other was.
    /// </summary>
    private async Task<KubernetesObject> RepeatAsync(bool isUnconditional, Func<Task<KubernetesObject>> change, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await change();
            }
            catch (ApiException e) when (e.IsConflict && isUnconditional && attempt < MaxAttempts)
            {
                await Task.Delay(ConflictDelay * attempt, api.Time, cancellation);
            }
        }
    }

    /// <summary>Deletes the object; false when there was none.</summary>
    public Task<bool> DeleteAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        api.DeleteAsync(kind, ns, name, DeleteOptions.Default, cancellation);

    /// <summary>What the cluster serves now.</summary>
    public Task<ServedResources> DiscoverAsync(CancellationToken cancellation) => api.Discovery.RefreshAsync(cancellation);

    public Task<ServerVersion> VersionAsync(CancellationToken cancellation) => api.GetServerVersionAsync(cancellation);

    /// <inheritdoc cref="ApiClient.ExecAsync"/>
    public Task<int> ExecAsync(string ns, string pod, string container, IReadOnlyList<string> command, Stream output, CancellationToken cancellation) =>
        api.ExecAsync(ns, pod, container, command, output, output, cancellation);
}
