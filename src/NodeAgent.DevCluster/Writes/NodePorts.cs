using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Writes;

/// <summary>Gives services their ports of the nodes, each once in the cluster.</summary>
internal static class NodePorts
{
    private const int First = 30000;
    private const int Last = 32767;

    /// <summary>A client that leaves out what the server allocated keeps it, and what was allocated to another type goes with that type.</summary>
    public static void Keep(JsonObject service, JsonObject old)
    {
        if (old.Text("spec", "type") is not ("NodePort" or "LoadBalancer"))
            return;
        foreach (var port in service.Items("spec", "ports"))
        {
            var known = Of(old.Items("spec", "ports").FirstOrDefault(p => p.Number(0, "port") == port.Number(0, "port") && p.Text("protocol") == port.Text("protocol")));
            if (!AreIn(service))
                port.Remove("nodePort");
            else if (Of(port) == 0 && known > 0)
                port["nodePort"] = known;
        }
    }

    /// <summary>After the fields' owners were noted: what is allocated here is nobody's.</summary>
    /// <param name="others">All other services.</param>
    public static void Allocate(JsonObject service, IEnumerable<JsonObject> others, List<FieldError> errors)
    {
        var ports = service.Items("spec", "ports").ToList();
        if (!AreIn(service))
        {
            errors.AddRange(Enumerable.Range(0, ports.Count).Where(i => Of(ports[i]) > 0).Select(i => FieldError.Forbidden($"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'")));
            return;
        }
        var taken = others.SelectMany(o => o.Items("spec", "ports")).Where(p => Of(p) > 0).Select(p => (p.Text("protocol"), Of(p))).ToHashSet();
        for (var i = 0; i < ports.Count; i++)
        {
            var protocol = ports[i].Text("protocol");
            var wanted = Of(ports[i]) is > 0 and var given ? given : Enumerable.Range(First, Last - First + 1).FirstOrDefault(p => !taken.Contains((protocol, p)));
            if (wanted is < First or > Last)
                errors.Add(FieldError.Invalid($"spec.ports[{i}].nodePort", Text(wanted), $"provided port is not in the valid range. The range of valid ports is {First}-{Last}"));
            else if (!taken.Add((protocol, wanted)))
                errors.Add(FieldError.Invalid($"spec.ports[{i}].nodePort", Text(wanted), "provided port is already allocated"));
            ports[i]["nodePort"] = wanted;
        }
    }

    private static bool AreIn(JsonObject service) => service.Text("spec", "type") is "NodePort" or "LoadBalancer";

    private static long Of(JsonObject? port) => port.Number(0, "nodePort");

    private static string Text(long port) => port.ToString(CultureInfo.InvariantCulture);
}
