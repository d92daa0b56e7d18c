using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes;

/// <summary>Reads and writes the JSON of an object unchanged.</summary>
public sealed class KubernetesObjectConverter : JsonConverter<KubernetesObject>
{
    public override KubernetesObject Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonNode.Parse(ref reader) is JsonObject json ? new KubernetesObject(json) : throw new JsonException("an object was expected");

    public override void Write(Utf8JsonWriter writer, KubernetesObject value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(value);
        value.Json.WriteTo(writer, options);
    }
}
