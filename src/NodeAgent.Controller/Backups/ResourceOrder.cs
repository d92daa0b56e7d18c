using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// The objects that a backup wants first within their type, by spec.orderedResources: a type to a comma list of
/// <c>namespace/name</c>, or of names where the type has no namespace.
/// </summary>
internal sealed class ResourceOrder
{
    private readonly Dictionary<string, IReadOnlyList<string>> _first = new(StringComparer.Ordinal);

    public ResourceOrder(IReadOnlyDictionary<string, string>? ordered, ResourceNames names)
    {
        foreach (var (type, list) in ordered ?? new Dictionary<string, string>())
        {
            _first[names.Resolve(type)] = [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal)];
        }
    }

    /// <summary>The types that have an order.</summary>
    public IReadOnlyCollection<string> Types => _first.Keys;

    /// <summary>Which objects of a type come first; none when the backup does not say.</summary>
    public IReadOnlyList<string> Of(ResourceKind kind) => _first.GetValueOrDefault(kind.GroupResource) ?? [];

    /// <summary>What cannot be meant, one sentence each.</summary>
    public static IEnumerable<string> Problems(IReadOnlyDictionary<string, string>? ordered)
    {
        foreach (var (type, list) in ordered ?? new Dictionary<string, string>())
        {
            if (string.IsNullOrWhiteSpace(type)) yield return "spec.orderedResources: a list has no resource type";
            foreach (var name in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(n => n.Count(c => c == '/') > 1))
            {
                yield return $"spec.orderedResources: \"{name}\" of {type} is no name and no namespace/name";
            }
        }
    }
}
