using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>What is taken of some namespaces: the types that its filters speak of, and no others.</summary>
internal sealed record NamespacePolicy(IReadOnlyList<GlobPattern> Namespaces, IReadOnlyList<KindFilter> Filters);
