namespace NodeAgent.Kubernetes.Watching;

/// <summary>Which object it is, and in which version.</summary>
public readonly record struct ObjectIdentity(NamespacedName Key, string Uid, string ResourceVersion)
{
    public static ObjectIdentity Of(ObjectMeta metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        return new ObjectIdentity(new NamespacedName(metadata.Namespace ?? "", metadata.Name ?? ""), metadata.Uid ?? "", metadata.ResourceVersion ?? "");
    }

    public static ObjectIdentity Of(KubernetesObject item)
    {
        ArgumentNullException.ThrowIfNull(item);
        return new ObjectIdentity(item.Key, item.Uid, item.ResourceVersion);
    }
}
