using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Leadership;

/// <summary>
/// One of several replicas works at a time: the one that holds a Lease. Another's lease counts as given up when it did not
/// change for its duration by this process's clock. A leader that cannot renew stops its work before that time is over.
/// </summary>
internal sealed class LeaderLease(ClusterClient cluster, string ns, string identity, TimeProvider time, ILogger log)
{
    public const string Name = "controller.nodeagent.io";

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RenewDeadline = TimeSpan.FromSeconds(10);
    // Less than what is left of the lease at the deadline, so that a server that hangs cannot make two leaders.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private string _seen = "";
    private long _seenAt;

    /// <summary>Waits for the lease, runs the work while it is held, and hands it back. Ends when the work ends or the lease is lost.</summary>
    public async Task RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        while (!await TryHoldAsync(cancellation)) await Task.Delay(Interval, time, cancellation);
        log.Leading();
        using var held = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = work(held.Token);
        try
        {
            var renewed = time.GetTimestamp();
            while (!running.IsCompleted)
            {
                await Task.WhenAny(running, Task.Delay(Interval, time, cancellation));
                cancellation.ThrowIfCancellationRequested();
                if (await TryHoldAsync(cancellation)) renewed = time.GetTimestamp();
                else if (time.GetElapsedTime(renewed) > RenewDeadline) throw new InvalidOperationException($"the lease {ns}/{Name} was lost; another replica takes over");
            }
        }
        finally
        {
            await held.CancelAsync();
            try
            {
                await running;
            }
            finally
            {
                await ReleaseAsync();
            }
        }
    }

    private async Task<bool> TryHoldAsync(CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(AttemptTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stopping, limit.Token);
        var cancellation = both.Token;
        try
        {
            var lease = await cluster.GetAsync(WellKnown.Leases, ns, Name, cancellation);
            if (lease is null)
            {
                await cluster.CreateAsync(WellKnown.Leases, ns, new JsonObject
                {
                    ["apiVersion"] = WellKnown.Leases.ApiVersion,
                    ["kind"] = WellKnown.Leases.Kind,
                    ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = ns },
                    ["spec"] = Spec(identity),
                }, cancellation);
                return true;
            }

            var holder = lease.Text("spec", "holderIdentity") ?? "";
            var state = $"{holder} {lease.Text("spec", "renewTime")}";
            if (state != _seen) (_seen, _seenAt) = (state, time.GetTimestamp());
            if (holder.Length > 0 && holder != identity && time.GetElapsedTime(_seenAt) < Duration) return false;
            await WriteAsync(lease, Spec(identity), cancellation);
            return true;
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            // A conflict means that another replica was quicker; anything else is tried again all the same.
            if (e is not ApiException { Status: HttpStatusCode.Conflict }) log.LeaseFailed(e.Message);
            return false;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            log.LeaseFailed($"no answer within {AttemptTimeout.TotalSeconds:0} s");
            return false;
        }
    }

    private async Task ReleaseAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), time);
        try
        {
            var lease = await cluster.GetAsync(WellKnown.Leases, ns, Name, limit.Token);
            if (lease is not null && lease.Text("spec", "holderIdentity") == identity) await WriteAsync(lease, Spec(""), limit.Token);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException)
        {
            // The next replica waits for the lease to run out instead.
            log.LeaseFailed(e.Message);
        }
    }

    /// <summary>Writes on condition that nobody wrote since the lease was read.</summary>
    private Task<JsonObject> WriteAsync(JsonObject lease, JsonObject spec, CancellationToken cancellation) => cluster.PatchAsync(
        WellKnown.Leases, ns, Name, new JsonObject
        {
            ["metadata"] = new JsonObject { ["resourceVersion"] = lease.Text("metadata", "resourceVersion") },
            ["spec"] = spec,
        }, null, cancellation);

    private JsonObject Spec(string holder) => new()
    {
        ["holderIdentity"] = holder,
        ["leaseDurationSeconds"] = (int)Duration.TotalSeconds,
        ["renewTime"] = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture),
    };
}
