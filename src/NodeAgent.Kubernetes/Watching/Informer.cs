using System.Text.Json.Serialization.Metadata;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Watching;

/// <summary>Makes informers.</summary>
public static class Informer
{
    /// <summary>For objects that stay JSON.</summary>
    public static Informer<KubernetesObject> Of(ApiClient client, ResourceKind kind, InformerOptions options) =>
        new(client, kind, KubernetesJsonContext.Default.KubernetesObject, ObjectIdentity.Of, options);

    /// <summary>For a type.</summary>
    public static Informer<T> Of<T>(ApiClient client, ResourceKind kind, JsonTypeInfo<T> type, Func<T, ObjectMeta> metadata, InformerOptions options)
        where T : class =>
        new(client, kind, type, item => ObjectIdentity.Of(metadata(item)), options);
}
