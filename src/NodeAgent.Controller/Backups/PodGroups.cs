using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Which objects of a listing belong together: pods that share a claim, since its volume must hold still for all of them while it is taken,
/// and those that the backup wants one after the other.
/// </summary>
internal sealed class PodGroups
{
    private readonly Dictionary<string, int> _firstOfClaim = new(StringComparer.Ordinal);
    private readonly List<int> _parents = [];

    /// <summary>Notes the next pod of the listing.</summary>
    public void Add(JsonObject pod)
    {
        var index = _parents.Count;
        _parents.Add(index);
        foreach (var claim in pod.Objects("spec", "volumes").Select(v => v.Text("persistentVolumeClaim", "claimName")).OfType<string>())
        {
            var key = $"{pod.Namespace()}/{claim}";
            if (!_firstOfClaim.TryAdd(key, index)) Join(_firstOfClaim[key], index);
        }
    }

    /// <summary>Puts the first of the listing into one group.</summary>
    public void JoinFirst(int count)
    {
        for (var i = 1; i < count; i++) Join(0, i);
    }

    /// <summary>The groups in the order of their first members, and these in the order of the listing.</summary>
    public IReadOnlyList<IReadOnlyList<int>> ToBlocks() =>
        [.. Enumerable.Range(0, _parents.Count).GroupBy(Find).OrderBy(g => g.First()).Select(g => (IReadOnlyList<int>)[.. g])];

    // The earlier one stands for both.
    private void Join(int one, int other)
    {
        var (a, b) = (Find(one), Find(other));
        _parents[Math.Max(a, b)] = Math.Min(a, b);
    }

    private int Find(int index)
    {
        while (_parents[index] != index) index = _parents[index] = _parents[_parents[index]];
        return index;
    }
}
