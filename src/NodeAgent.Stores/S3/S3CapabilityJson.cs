using System.Text.Json.Serialization;

namespace NodeAgent.Stores.S3;

/// <summary>The form of the files of <see cref="S3CapabilityCache"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(S3Capabilities))]
internal sealed partial class S3CapabilityJson : JsonSerializerContext;
