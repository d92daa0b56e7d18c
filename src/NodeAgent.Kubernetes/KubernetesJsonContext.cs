using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes;

/// <summary>The types of Kubernetes itself that are read or written as types. Absent rather than null; times in whole seconds.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = KubernetesJson.MaxDepth,
    Converters = [typeof(KubernetesObjectConverter), typeof(ApiTimeConverter)])]
[JsonSerializable(typeof(JsonNode))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(KubernetesObject))]
[JsonSerializable(typeof(ObjectMeta))]
[JsonSerializable(typeof(OwnerReference))]
[JsonSerializable(typeof(ObjectReference))]
[JsonSerializable(typeof(LabelSelector))]
[JsonSerializable(typeof(Lease))]
public sealed partial class KubernetesJsonContext : JsonSerializerContext;
