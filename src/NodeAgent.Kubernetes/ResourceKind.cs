namespace NodeAgent.Kubernetes;

/// <summary>A resource type as the API server addresses it: group (empty for core), version, plural and kind.</summary>
public sealed record ResourceKind(string Group, string Version, string Plural, string Kind, bool Namespaced = true)
{
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>Plural with the group, as in <c>deployments.apps</c>; the plural alone for the core group.</summary>
    public string GroupResource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public override string ToString() => $"{GroupResource}/{Version}";
}
