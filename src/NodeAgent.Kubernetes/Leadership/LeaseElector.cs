using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Leadership;

/// <summary>
/// One of several processes works at a time: the one that holds a Lease. Clocks of different machines are never compared. A lease
/// counts as given up when this process saw no change in it for the lease's duration by its own clock.
/// </summary>
/// <remarks>
/// A leader counts from before it sent its last successful renewal, and others count from when they saw it, which is later. So a
/// leader that stops within <see cref="LeaseElectorOptions.LeaseDuration"/> has stopped before another starts.
/// </remarks>
public sealed class LeaseElector
{
    private readonly ApiClient _client;
    private readonly LeaseElectorOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly string _lease;
    private (string Holder, DateTimeOffset? Renewed) _seen = ("", null);
    private long _seenAt;
    private string _heldVersion = "";

    /// <param name="client">Its clock is the elector's.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public LeaseElector(ApiClient client, LeaseElectorOptions options, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } errors) throw new ArgumentException(string.Join("; ", errors), nameof(options));
        _client = client;
        _options = options;
        _time = client.Time;
        _log = log;
        _lease = $"{options.Namespace}/{options.Name}";
    }

    public bool IsLeader { get; private set; }

    /// <summary>
    /// 1. Waits for the lease. 2. Runs the work while the lease is held; its token is cancelled when the lease is lost or this is
    /// cancelled. 3. Waits for the work's end. 4. Releases the lease, so that the next candidate need not wait for it to run out.
    /// </summary>
    /// <exception cref="LeadershipLostException">The lease was lost. The process should end and be started anew.</exception>
    public async Task RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        var renewed = await AcquireAsync(cancellation);
        IsLeader = true;
        _log.Acquired(_lease, _options.Identity);
        using var deadline = new CancellationTokenSource(Left(renewed), _time);
        using var lead = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        var running = StartAsync(work, lead.Token);
        try
        {
            await RenewAsync(running, deadline);
        }
        finally
        {
            await EndAsync(running, deadline, lead);
        }

        if (deadline.IsCancellationRequested && !cancellation.IsCancellationRequested)
            throw new LeadershipLostException($"lease {_lease} was lost: it could not be renewed for {_options.RenewDeadline.TotalSeconds:0.###} s, or another took it");
    }

    /// <summary>Makes a failure at the start one of the task, so that the lease is released after it, too.</summary>
    private static async Task StartAsync(Func<CancellationToken, Task> work, CancellationToken lead) => await work(lead);

    private async Task EndAsync(Task running, CancellationTokenSource deadline, CancellationTokenSource lead)
    {
        await lead.CancelAsync();
        try
        {
            await running;
        }
        catch (OperationCanceledException)
        {
            // Told to end, and ended.
        }
        finally
        {
            IsLeader = false;
            if (!deadline.IsCancellationRequested) await ReleaseAsync();
        }
    }

    /// <summary>The timestamp from which the lease counts.</summary>
    private async Task<long> AcquireAsync(CancellationToken cancellation)
    {
        var told = "";
        while (true)
        {
            var before = _time.GetTimestamp();
            if (await TryAsync(TryAcquireAsync, _options.RenewDeadline, cancellation)) return before;
            if (_seen.Holder != told && _seen.Holder.Length > 0) _log.Waiting(_lease, _seen.Holder);
            told = _seen.Holder;
            await Task.Delay(_options.RetryPeriod * (1 + (_options.Random.NextDouble() / 5)), _time, cancellation);
        }
    }

    /// <summary>Goes on while the work comes to its end: until then nobody else may start.</summary>
    private async Task RenewAsync(Task running, CancellationTokenSource deadline)
    {
        while (true)
        {
            // A delay that is cancelled ends like one that is over; which of them it was is asked next.
            await Task.WhenAny(running, Task.Delay(_options.RetryPeriod, _time, deadline.Token));
            if (running.IsCompleted || deadline.IsCancellationRequested) return;
            var before = _time.GetTimestamp();
            // Half of the deadline, so that a server that hangs leaves time for a second try.
            if (!await TryAsync(TryRenewAsync, _options.RenewDeadline / 2, deadline.Token)) continue;
            if (_seen.Holder == _options.Identity) deadline.CancelAfter(Left(before));
            else await deadline.CancelAsync();
        }
    }

    /// <summary>Time until this process must have stopped counting itself as leader, if it last renewed then.</summary>
    private TimeSpan Left(long renewed) =>
        _options.RenewDeadline - _time.GetElapsedTime(renewed) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    private async Task<bool> TryAsync(Func<CancellationToken, Task<bool>> attempt, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            return await attempt(either.Token);
        }
        catch (ApiException e) when (e.IsConflict || e.IsAlreadyExists)
        {
            // Another candidate was quicker. What it wrote is read at the next try.
            _heldVersion = "";
            return false;
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or ClusterConfigException)
        {
            _heldVersion = "";
            _log.Failed(_lease, e.Message);
            return false;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            _heldVersion = "";
            _log.Failed(_lease, $"no answer within {patience.TotalSeconds:0.###} s");
            return false;
        }
        catch (OperationCanceledException) when (IsLeader)
        {
            // The end of the leadership, which the caller sees for itself.
            return false;
        }
    }

    private async Task<bool> TryAcquireAsync(CancellationToken cancellation)
    {
        var lease = await FindAsync(cancellation);
        if (lease is null)
        {
            var made = await _client.CreateAsync(
                KubernetesResources.Leases,
                _options.Namespace,
                new Lease { Metadata = new ObjectMeta { Name = _options.Name, Namespace = _options.Namespace }, Spec = Acquired(0) },
                KubernetesJsonContext.Default.Lease,
                cancellation);
            Note(made);
            return true;
        }

        if (!IsFree(lease)) return false;
        var transitions = lease.Spec.LeaseTransitions ?? 0;
        await WriteAsync(lease.Metadata.ResourceVersion ?? "", ToJson(Acquired(lease.Spec.HolderIdentity == _options.Identity ? transitions : transitions + 1)), cancellation);
        return true;
    }

    /// <summary>True when it is known who holds the lease now; <see cref="_seen"/> says who.</summary>
    private async Task<bool> TryRenewAsync(CancellationToken cancellation)
    {
        if (_heldVersion.Length == 0)
        {
            var lease = await FindAsync(cancellation);
            if (lease is null)
            {
                // Deleted by hand: taken anew if nobody else does so first.
                return await TryAcquireAsync(cancellation);
            }

            if ((lease.Spec.HolderIdentity ?? "") != _options.Identity) return true;
            _heldVersion = lease.Metadata.ResourceVersion ?? "";
        }

        await WriteAsync(_heldVersion, new JsonObject { ["renewTime"] = Now() }, cancellation);
        return true;
    }

    private bool IsFree(Lease lease)
    {
        var holder = lease.Spec.HolderIdentity ?? "";
        if (holder.Length == 0 || holder == _options.Identity) return true;
        if (_options.Place.Length > 0 && holder.StartsWith(_options.Place, StringComparison.Ordinal)) return true;
        // The holder says itself how long it counts on; a lease that does not say is taken to last as long as ours.
        var duration = lease.Spec.LeaseDurationSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : _options.LeaseDuration;
        return _time.GetElapsedTime(_seenAt) >= duration;
    }

    private async Task<Lease?> FindAsync(CancellationToken cancellation)
    {
        var lease = await _client.FindAsync(KubernetesResources.Leases, _options.Namespace, _options.Name, KubernetesJsonContext.Default.Lease, cancellation);
        if (lease is not null) Note(lease);
        return lease;
    }

    private void Note(Lease lease)
    {
        var state = (lease.Spec.HolderIdentity ?? "", lease.Spec.RenewTime);
        if (state != _seen) (_seen, _seenAt) = (state, _time.GetTimestamp());
        _heldVersion = state.Item1 == _options.Identity ? lease.Metadata.ResourceVersion ?? "" : "";
    }

    /// <summary>Writes on condition that nobody wrote since that version.</summary>
    private async Task WriteAsync(string version, JsonObject spec, CancellationToken cancellation)
    {
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = version }, ["spec"] = spec };
        Note(await _client.PatchAsync(
            KubernetesResources.Leases, _options.Namespace, _options.Name, patch, KubernetesJsonContext.Default.Lease, null, cancellation));
    }

    private async Task ReleaseAsync()
    {
        using var limit = new CancellationTokenSource(_options.RetryPeriod * 2, _time);
        try
        {
            var lease = await FindAsync(limit.Token);
            if (lease?.Spec.HolderIdentity != _options.Identity) return;
            // No holder; the shortest duration there is, for candidates that look at nothing else.
            await WriteAsync(lease.Metadata.ResourceVersion ?? "", new JsonObject { ["holderIdentity"] = null, ["leaseDurationSeconds"] = 1, ["renewTime"] = Now() }, limit.Token);
            _log.Released(_lease);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException or ClusterConfigException)
        {
            // The next candidate waits for the lease to run out instead.
            _log.Failed(_lease, $"it could not be released: {e.Message}");
        }
    }

    private LeaseSpec Acquired(int transitions) => new()
    {
        HolderIdentity = _options.Identity,
        LeaseDurationSeconds = (int)Math.Ceiling(_options.LeaseDuration.TotalSeconds),
        AcquireTime = _time.GetUtcNow(),
        RenewTime = _time.GetUtcNow(),
        LeaseTransitions = transitions,
    };

    private string Now() => MicroTimeConverter.Format(_time.GetUtcNow());

    private static JsonObject ToJson(LeaseSpec spec) => new()
    {
        ["holderIdentity"] = spec.HolderIdentity,
        ["leaseDurationSeconds"] = spec.LeaseDurationSeconds,
        ["acquireTime"] = MicroTimeConverter.Format(spec.AcquireTime!.Value),
        ["renewTime"] = MicroTimeConverter.Format(spec.RenewTime!.Value),
        ["leaseTransitions"] = spec.LeaseTransitions,
    };
}
