namespace NodeAgent.Kubernetes.Api;

/// <summary>One resource that the server serves, in one version.</summary>
/// <param name="Verbs">What can be done with it: get, list, watch, create, update, patch, delete, deletecollection.</param>
/// <param name="Subresources">Names without the resource, such as status.</param>
/// <param name="IsPreferred">Whether this is the version in which its group offers the resource first.</param>
public sealed record ServedResource(
    ResourceKind Kind, string SingularName, IReadOnlyList<string> ShortNames, IReadOnlyList<string> Verbs, IReadOnlyList<string> Categories,
    IReadOnlyList<string> Subresources, bool IsPreferred)
{
    public bool Can(string verb) => Verbs.Contains(verb);
}
