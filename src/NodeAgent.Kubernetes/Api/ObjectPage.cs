namespace NodeAgent.Kubernetes.Api;

/// <summary>One page of a list.</summary>
/// <param name="Items">The objects that could be read.</param>
/// <param name="Malformed">Objects that do not fit the type they were read as.</param>
/// <param name="ResourceVersion">State of the cluster that the list shows; a watch goes on from here.</param>
/// <param name="Continue">Asks for the next page; empty on the last one.</param>
/// <param name="Remaining">How many objects follow this page, where the server says so.</param>
public sealed record ObjectPage<T>(
    IReadOnlyList<T> Items, IReadOnlyList<MalformedObject> Malformed, string ResourceVersion, string Continue, long? Remaining);
