using System.Text.Json.Serialization;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository;

/// <summary>The JSON of the repository's small objects.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ConfigJson))]
[JsonSerializable(typeof(SessionRecord))]
[JsonSerializable(typeof(CollectionRecordJson))]
[JsonSerializable(typeof(ParityPolicyJson))]
internal sealed partial class RepositoryJson : JsonSerializerContext;
