using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Kubelet;

/// <summary>Writes the events that kubectl describe shows. The same event is written once.</summary>
internal sealed class EventRecorder(ResourceRegistry registry, ResourceWriter writer, TimeProvider time)
{
    // Bounded by being emptied: a repeated event after that many others is no harm.
    private const int Remembered = 10_000;

    private readonly HashSet<(string Uid, string Reason, string Message)> _recorded = [];

    public string Now => ApiTime.Format(time.GetUtcNow());

    public void Record(JsonObject about, string type, string reason, string message, string component)
    {
        if (_recorded.Count > Remembered)
            _recorded.Clear();
        if (!_recorded.Add((about.Uid(), reason, message)))
            return;
        try
        {
            writer.Create(registry.Get("", "events"), about.Namespace(), new JsonObject
            {
                ["metadata"] = new JsonObject { ["generateName"] = about.Name() + "." },
                ["involvedObject"] = new JsonObject { ["kind"] = about.Text("kind"), ["apiVersion"] = about.Text("apiVersion"), ["namespace"] = about.Namespace(), ["name"] = about.Name(), ["uid"] = about.Uid() },
                ["type"] = type,
                ["reason"] = reason,
                ["message"] = message,
                ["source"] = new JsonObject { ["component"] = component },
                ["firstTimestamp"] = Now,
                ["lastTimestamp"] = Now,
                ["count"] = 1,
            }, WriteOptions.Internal);
        }
        catch (ApiException)
        {
            // The namespace is going away; its events would go with it.
        }
    }
}
