using System.Net;
using System.Text;

namespace NodeAgent.Kubernetes.Api;

/// <summary>
/// Tells a server that has just been started, which refuses everybody until it knows the cluster's roles and finds no custom resources until it knows their
/// definitions, from one that is not ready for another reason and whose refusals count. Safe for concurrent use.
/// </summary>
internal sealed class ServerStart(TimeProvider time)
{
    // From a server's first answer until it knows the roles it takes seconds; on a slow machine half a minute.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);

    // More than the longest wait between two tries of whoever waits for a server: what was seen before that belongs to an earlier start.
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(15);

    private readonly Lock _lock = new();
    private long? _outage;
    private long? _first;
    private long? _last;

    /// <summary>The server could not be reached, or went away: what it says from here on may be said by one that starts.</summary>
    public void NoteOutage()
    {
        lock (_lock) (_outage, _first) = (time.GetTimestamp(), null);
    }

    /// <summary>Whether a refusal may be that of a server which starts, by what /readyz answers.</summary>
    /// <param name="code">Of the answer.</param>
    /// <param name="body">Its text.</param>
    /// <param name="isAboutDefinitions">The refusal is that nothing is known at a path: it does not count for as long as the definitions of custom resources are missing.</param>
    public bool IsUnderWay(HttpStatusCode code, ReadOnlySpan<byte> body, bool isAboutDefinitions)
    {
        lock (_lock)
        {
            if (!MayBe(code, body))
            {
                _first = null;
                return false;
            }

            if (_first is null || time.GetElapsedTime(_last!.Value) > Forgotten) _first = time.GetTimestamp();
            _last = time.GetTimestamp();
            // No start takes as long: whoever is refused must learn it, although a check fails for hours.
            return time.GetElapsedTime(_first.Value) < Longest || (isAboutDefinitions && LacksDefinitions(body));
        }
    }

    /// <summary>
    /// Everybody may ask whether a server is ready, by a role that every cluster has: one that refuses even this, soon after it was away, does not know
    /// its roles yet. Without an outage before, it is a cluster without that role, and its refusals count. So do those of a server that does not know the question.
    /// </summary>
    private bool MayBe(HttpStatusCode code, ReadOnlySpan<byte> body) => code switch
    {
        HttpStatusCode.InternalServerError or HttpStatusCode.ServiceUnavailable => IsStartAmongFailures(body),
        HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => _outage is { } since && time.GetElapsedTime(since) < Longest,
        _ => false,
    };

    private static bool LacksDefinitions(ReadOnlySpan<byte> body) =>
        body.IndexOf("[-]poststarthook/crd-informer-synced"u8) >= 0 || body.IndexOf("[-]poststarthook/start-apiextensions-"u8) >= 0;

    /// <summary>
    /// A server that is not ready lists its checks, one in a line: "[+]etcd ok" or "[-]poststarthook/rbac/bootstrap-roles failed: reason withheld". Roles are
    /// there when its hooks have run and its informers are filled. True where nothing is listed, as by a proxy in front of it.
    /// </summary>
    private static bool IsStartAmongFailures(ReadOnlySpan<byte> body)
    {
        var failures = Encoding.UTF8.GetString(body).Split('\n').Where(line => line.StartsWith("[-]", StringComparison.Ordinal)).ToList();
        return failures.Count == 0 || failures.Exists(line =>
            line.StartsWith("[-]poststarthook/", StringComparison.Ordinal) || line.StartsWith("[-]informer-sync", StringComparison.Ordinal));
    }
}
