namespace NodeAgent.Kubernetes;

/// <summary>What tells objects of one kind apart. The namespace is empty for cluster-wide objects.</summary>
public readonly record struct NamespacedName(string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
