using System.Text.Json;
using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>Durations as the API carries them: strings in Go's notation.</summary>
public sealed class GoDurationConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return GoDuration.TryParse(text, out var duration)
            ? duration
            : throw new JsonException($"\"{text}\" is not a duration such as 1h30m");
    }

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteStringValue(GoDuration.Format(value));
}
