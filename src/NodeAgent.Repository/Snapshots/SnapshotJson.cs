using System.Text.Json.Serialization;

namespace NodeAgent.Repository.Snapshots;

/// <summary>The JSON of snapshots.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(SnapshotManifest))]
[JsonSerializable(typeof(SnapshotVersion))]
[JsonSerializable(typeof(ForgetRecord))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
