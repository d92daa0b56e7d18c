using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;

namespace NodeAgent.Controller.Restores.Versions;

/// <summary>
/// Objects that the cluster has no place for, said once for each type and reason: a type that is missing usually is missing for thousands of
/// objects. Not for concurrent use.
/// </summary>
internal sealed class UnservedTypes(RunLog log)
{
    private const int Named = 3;

    private readonly SortedDictionary<(string GroupResource, string Reason), (bool IsError, List<(string Namespace, string Name)> Objects)> _found = [];

    public void Add(string groupResource, string reason, bool isError, string ns, string name)
    {
        if (!_found.TryGetValue((groupResource, reason), out var found)) _found[(groupResource, reason)] = found = (isError, []);
        found.Objects.Add((ns, name));
    }

    public void Report()
    {
        foreach (var ((groupResource, reason), (isError, objects)) in _found)
        {
            var names = string.Join(", ", objects.Take(Named).Select(o => KubeObject.Qualify(o.Namespace, o.Name)));
            if (objects.Count > Named) names += $" and {objects.Count - Named} more";
            var text = $"{groupResource} {names}: not restored: {reason}";
            var scope = objects.Select(o => o.Namespace).Distinct().Count() == 1 ? objects[0].Namespace : "";
            if (isError) log.Error(scope, text);
            else log.Warn(scope, text);
        }

        _found.Clear();
    }
}
