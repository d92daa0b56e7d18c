using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// The requests that the controller makes, for objects that stay JSON, so that fields this program does not know are carried
/// along. Fails as <see cref="ApiClient"/> does. Safe for concurrent use; the client belongs to the caller.
/// </summary>
internal sealed class ClusterClient(ApiClient api, Endurance? endurance = null)
{
    private const int MaxAttempts = 5;

    private static readonly TimeSpan ConflictDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>The same requests, carried through outages of the server, for as long as the run that makes them bears it. Those with a body of many answers, and commands in pods, are not.</summary>
    public ClusterClient Enduring(Endurance run) => new(api, run);

    /// <summary>The same requests, which fail at once, for who waits for something and draws conclusions from a server that is away.</summary>
    public ClusterClient Plain => endurance is null ? this : new(api);

    /// <summary>Makes a request that is made of these, and that does no harm when it is made twice, as one of them.</summary>
    public Task<T> CarryAsync<T>(Func<Task<T>> request, CancellationToken cancellation) => endurance is null ? request() : endurance.CarryAsync(request, cancellation);

    /// <summary>Null when there is no such object, which is so for a text that can be no name, too.</summary>
    public async Task<JsonObject?> GetAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation) =>
        !ResourceKind.IsPossibleName(name) ? null : (await CarryAsync(() => api.FindAsync(kind, ns, name, cancellation), cancellation))?.Json;

    /// <summary>All objects, page by page. Each has its apiVersion and kind, which lists of built-in types leave out.</summary>
    public IAsyncEnumerable<JsonObject> ListAsync(ResourceKind kind, string? ns, string? labelSelector, CancellationToken cancellation) =>
        ListByAsync(kind, ns, new ListOptions { LabelSelector = labelSelector }, cancellation);

    /// <inheritdoc cref="ListAsync(ResourceKind, string?, string?, CancellationToken)"/>
    public async IAsyncEnumerable<JsonObject> ListByAsync(ResourceKind kind, string? ns, ListOptions options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var items = api.ListAsync(kind, ns, options, cancellation);
        // One that broke off begins anew, so that all of it is read before anything is given away.
        if (endurance is not null) items = (await endurance.CarryAsync(async () => await items.ToListAsync(cancellation), cancellation)).ToAsyncEnumerable();
        await foreach (var item in items) yield return item.Json;
    }

    /// <summary>
    /// One list, page by page, with apiVersion and kind in each object: in one state of the cluster, and then it throws an <see cref="ApiException"/> that
    /// <see cref="ApiException.IsGone"/> when the server forgets the state before the last page was asked for, or in several.
    /// </summary>
    public IAsyncEnumerable<ObjectPage<KubernetesObject>> ListPagesAsync(ResourceKind kind, string? ns, bool mayMixStates, CancellationToken cancellation) =>
        api.ListPagesAsync(kind, ns, new ListOptions { MayMixStates = mayMixStates }, KubernetesJsonContext.Default.KubernetesObject, cancellation);

    /// <summary>
    /// Creates the object. A name that the server made up and that another had already is made up anew. During an outage it may have been
    /// created although nobody was told so: before it is created again it is looked for.
    /// </summary>
    public async Task<JsonObject> CreateAsync(ResourceKind kind, string? ns, JsonObject body, CancellationToken cancellation)
    {
        if (endurance is null) return await CreateOnceAsync(kind, ns, body, cancellation);
        var isUnsure = false;
        return await endurance.CarryAsync(
            async () =>
            {
                if (isUnsure && await FindCreatedAsync(kind, ns, body, cancellation) is { } lost) return lost;
                try
                {
                    return await CreateOnceAsync(kind, ns, body, cancellation);
                }
                catch (Exception e) when (Outage.IsCauseOf(e))
                {
                    isUnsure = true;
                    throw;
                }
                catch (ApiException e) when (isUnsure && e.IsAlreadyExists)
                {
                    // The request before this one was carried out behind the look.
                    if (await FindCreatedAsync(kind, ns, body, cancellation) is { } created) return created;
                    throw;
                }
            },
            cancellation);
    }

    /// <summary>What the run has created of this body. One with a name that the server makes up is known by its labels and its spec.</summary>
    private async Task<JsonObject?> FindCreatedAsync(ResourceKind kind, string? ns, JsonObject body, CancellationToken cancellation)
    {
        if (body.Name() is { Length: > 0 } name) return (await api.FindAsync(kind, ns, name, cancellation))?.Json is { } found && endurance!.IsOwn(found) ? found : null;
        var labels = body.StringMap("metadata", "labels");
        if (labels.Count == 0) return null;
        var selector = string.Join(',', labels.Select(l => $"{l.Key}={l.Value}"));
        await foreach (var item in api.ListAsync(kind, ns, new ListOptions { LabelSelector = selector }, cancellation))
        {
            if (item.Json.At("spec").Holds(body.At("spec"))) return item.Json;
        }

        return null;
    }

    private async Task<JsonObject> CreateOnceAsync(ResourceKind kind, string? ns, JsonObject body, CancellationToken cancellation)
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
        (await CarryAsync(() => RepeatAsync(patch.At("metadata", "resourceVersion") is null, () => api.PatchAsync(kind, ns, name, patch, KubernetesJsonContext.Default.KubernetesObject, subresource, cancellation), cancellation), cancellation)).Json;

    /// <summary>Writes fields of the status, whether or not it is a subresource. False when the object is gone.</summary>
    /// <param name="resourceVersion">Fails with a conflict when the object is not this version any more; null writes in any case.</param>
    public async Task<bool> PatchStatusAsync(ResourceKind kind, string? ns, string name, JsonObject status, CancellationToken cancellation, string? resourceVersion = null)
    {
        try
        {
            await CarryAsync(() => RepeatAsync(resourceVersion is null, () => api.PatchStatusAsync(kind, ns, name, status, resourceVersion, cancellation), cancellation), cancellation);
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
        CarryAsync(() => api.DeleteAsync(kind, ns, name, DeleteOptions.Default, cancellation), cancellation);

    /// <summary>What the cluster serves now.</summary>
    public Task<ServedResources> DiscoverAsync(CancellationToken cancellation) => CarryAsync(() => api.Discovery.RefreshAsync(cancellation), cancellation);

    public Task<ServerVersion> VersionAsync(CancellationToken cancellation) => api.GetServerVersionAsync(cancellation);

    /// <inheritdoc cref="ApiClient.ExecAsync"/>
    public Task<int> ExecAsync(string ns, string pod, string container, IReadOnlyList<string> command, Stream output, CancellationToken cancellation) =>
        api.ExecAsync(ns, pod, container, command, output, output, cancellation);
}
