using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Events;

/// <summary>
/// Writes Events about objects, beside which kubectl describe shows them. One that says the same of the same object again is counted up. No more
/// than so many are written in a minute: what they tell stands in the objects, too. Safe for concurrent use.
/// </summary>
internal sealed class EventWriter(ClusterClient cluster, TimeProvider time, ILogger log)
{
    /// <summary>Most events of a minute.</summary>
    public const int MaxPerMinute = 60;

    // The API refuses longer ones.
    private const int MaxMessage = 1024;
    private const int MaxName = 200;
    private const string Component = "nodeagent-controller";

    private readonly Lock _gate = new();
    private readonly Queue<long> _written = [];

    /// <summary>Writes an event; false when the server did not take it now.</summary>
    /// <param name="again">Whether it is worth saying once more when it was said before.</param>
    public async Task<bool> WriteAsync(JsonObject item, string apiVersion, string kind, bool isWarning, string reason, string message, bool again, CancellationToken cancellation)
    {
        if (!HasRoom()) return true;
        var text = message.Length > MaxMessage ? message[..(MaxMessage - 1)] + "…" : message;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{item.Uid()}\n{reason}\n{text}")))[..16];
        var name = $"{item.Name()[..Math.Min(item.Name().Length, MaxName)].TrimEnd('.', '-')}.{hash}";
        var now = ApiTimeConverter.Format(time.GetUtcNow());
        try
        {
            await cluster.CreateAsync(KubernetesResources.Events, item.Namespace(), new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Event",
                ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = item.Namespace() },
                ["involvedObject"] = new JsonObject
                {
                    ["apiVersion"] = apiVersion,
                    ["kind"] = kind,
                    ["namespace"] = item.Namespace(),
                    ["name"] = item.Name(),
                    ["uid"] = item.Uid(),
                },
                ["type"] = isWarning ? "Warning" : "Normal",
                ["reason"] = reason,
                ["message"] = text,
                ["source"] = new JsonObject { ["component"] = Component },
                ["reportingComponent"] = Component,
                ["reportingInstance"] = Environment.MachineName,
                ["firstTimestamp"] = now,
                ["lastTimestamp"] = now,
                ["count"] = 1,
            }, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return !again || await CountAsync(item.Namespace(), name, now, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            log.EventNotWritten(kind, item.Name(), e.Message);
            return false;
        }

        return true;
    }

    private async Task<bool> CountAsync(string ns, string name, string now, CancellationToken cancellation)
    {
        try
        {
            var known = await cluster.GetAsync(KubernetesResources.Events, ns, name, cancellation);
            await cluster.PatchAsync(KubernetesResources.Events, ns, name, new JsonObject { ["count"] = known.Number("count") + 1, ["lastTimestamp"] = now }, null, cancellation);
            return true;
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            log.EventNotWritten("Event", name, e.Message);
            return false;
        }
    }

    private bool HasRoom()
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            while (_written.Count > 0 && time.GetElapsedTime(_written.Peek(), now) > TimeSpan.FromMinutes(1)) _written.Dequeue();
            if (_written.Count >= MaxPerMinute) return false;
            _written.Enqueue(now);
            return true;
        }
    }
}
