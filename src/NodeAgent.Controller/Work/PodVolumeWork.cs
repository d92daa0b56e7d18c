using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Waits for volume backups or restores that agents carry out, and cancels those that take too long. However many waits there are at a time, as where each pod's hooks
/// wait for its volumes, the objects are listed once in each poll interval, from what the API server remembers: only what is missing there is looked for in its store. Safe for
/// concurrent use.
/// </summary>
internal sealed class PodVolumeWork(ClusterClient cluster, ControllerOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<(ResourceKind Kind, string Selector), (SharedLook Remembered, SharedLook Stored)> _looks = new();
    private readonly ConcurrentDictionary<(ResourceKind Kind, string Selector, string Name), JsonObject> _ended = new();

    /// <summary>True when the phase will not change any more.</summary>
    public static bool IsFinal(JsonObject work) =>
        work.Text("status", "phase") is PodVolumePhase.Completed or PodVolumePhase.Failed or PodVolumePhase.Canceled;

    /// <summary>True as long as no agent has taken it up.</summary>
    public static bool IsNew(JsonObject work) => work.Text("status", "phase") is null or "" or PodVolumePhase.New;

    /// <summary>How long the volumes of a backup or restore may take.</summary>
    public static TimeSpan TimeoutOf(JsonObject run, ControllerOptions options) =>
        GoDuration.TryParse(run.Annotation(VeleroLabels.PodVolumeTimeout), out var own) && own > TimeSpan.Zero ? own : options.FsBackupTimeout;

    /// <summary>
    /// Waits until all named objects have ended and returns them as they are then. Past the timeout it asks the unfinished
    /// ones to stop and waits a grace period more; what is unfinished even then is returned as it is, and what was deleted
    /// meanwhile is missing from the answer. An outage of the API server is waited out, since agents work on through it.
    /// </summary>
    /// <param name="agents">Tells which agents died; work of theirs is ended.</param>
    public async Task<IReadOnlyDictionary<string, JsonObject>> WaitAsync(
        ResourceKind kind, string selector, IReadOnlyCollection<string> names, TimeSpan timeout, AgentDirectory agents, RunLog log, CancellationToken cancellation)
    {
        if (names.Count == 0) return new Dictionary<string, JsonObject>();
        var started = time.GetTimestamp();
        long? cancelledAt = null;
        var (remembered, stored) = _looks.GetOrAdd((kind, selector), _ =>
        {
            var lost = new LostAgents(cluster, agents, options, time);
            return (
                new SharedLook(token => LookAsync(kind, selector, fromCache: true, lost, log, token), time),
                new SharedLook(token => LookAsync(kind, selector, fromCache: false, null, log, token), time));
        });
        // What began before may not show objects that were made just now.
        var seen = started;
        var gone = new HashSet<string>(StringComparer.Ordinal);
        Task<T> OutlastAsync<T>(Func<Task<T>> request) =>
            Outage.OutlastAsync(request, timeout + options.CancelGracePeriod - time.GetElapsedTime(started), time, log.Info, cancellation);
        while (true)
        {
            (seen, var all) = await OutlastAsync(() => remembered.BegunAfterAsync(seen, cancellation));
            if (names.Any(name => !gone.Contains(name) && !all.ContainsKey(name)))
            {
                // Deleted, or made just now: the server may remember a state that is a little older. The store knows.
                var moment = time.GetTimestamp();
                (_, all) = await OutlastAsync(() => stored.BegunAfterAsync(moment, cancellation));
                gone.UnionWith(names.Where(name => !all.ContainsKey(name)));
            }

            var found = names.Where(name => all.ContainsKey(name) && !gone.Contains(name)).ToDictionary(name => name, name => all[name], StringComparer.Ordinal);
            var open = found.Values.Where(w => !IsFinal(w)).ToList();
            if (open.Count == 0) return found;
            if (cancelledAt is { } since && time.GetElapsedTime(since) > options.CancelGracePeriod) return found;
            if (cancelledAt is null && time.GetElapsedTime(started) > timeout)
            {
                log.Info($"{open.Count} of {names.Count} {kind.Plural} did not end within {GoDuration.Format(timeout)} and are cancelled");
                await OutlastAsync(() => CancelAsync(kind, open, cancellation));
                cancelledAt = time.GetTimestamp();
            }

            await Task.Delay(PollPace.After(time.GetElapsedTime(started), options.PollInterval), time, cancellation);
        }
    }

    /// <summary>All that waits have seen to end, also those that are gone since.</summary>
    public IReadOnlyCollection<JsonObject> EndedOf(ResourceKind kind, string selector) => [.. _ended.Where(e => e.Key.Kind == kind && e.Key.Selector == selector).Select(e => e.Value)];

    private async Task<IReadOnlyDictionary<string, JsonObject>> LookAsync(ResourceKind kind, string selector, bool fromCache, LostAgents? lost, RunLog log, CancellationToken cancellation)
    {
        var found = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        await foreach (var work in cluster.ListByAsync(kind, options.Namespace, new ListOptions { LabelSelector = selector, FromCache = fromCache }, cancellation)) found[work.Name()] = work;
        foreach (var work in found.Values.Where(IsFinal)) _ended[(kind, selector, work.Name())] = work;
        if (lost is not null) await lost.EndTheirsAsync(kind, [.. found.Values.Where(w => !IsFinal(w))], log, cancellation);
        return found;
    }

    /// <summary>Asks all unfinished objects that match to stop.</summary>
    public async Task CancelAllAsync(ResourceKind kind, string selector, CancellationToken cancellation)
    {
        var open = new List<JsonObject>();
        await foreach (var work in cluster.ListAsync(kind, options.Namespace, selector, cancellation))
        {
            if (!IsFinal(work) && !work.IsTrue("spec", "cancel")) open.Add(work);
        }

        await CancelAsync(kind, open, cancellation);
    }

    /// <summary>
    /// As <see cref="CancelAllAsync"/>, for a run that failed already: what goes wrong here must not hide why. Objects that
    /// could not be reached are cancelled when the run's object is looked at next.
    /// </summary>
    public async Task TryCancelAllAsync(ResourceKind kind, string selector)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10), time);
        try
        {
            await CancelAllAsync(kind, selector, limit.Token);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException)
        {
            // Said above.
        }
    }

    /// <summary>Answers how many were there to be cancelled.</summary>
    private async Task<int> CancelAsync(ResourceKind kind, IReadOnlyList<JsonObject> open, CancellationToken cancellation)
    {
        var reached = 0;
        foreach (var work in open)
        {
            try
            {
                await cluster.PatchAsync(kind, options.Namespace, work.Name(), new JsonObject { ["spec"] = new JsonObject { ["cancel"] = true } }, null, cancellation);
                reached++;
            }
            catch (ApiException e) when (e.IsNotFound)
            {
                // Deleted meanwhile, which is as good as cancelled.
            }
        }

        return reached;
    }
}
