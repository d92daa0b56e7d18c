using System.Text.Json.Serialization;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Agent.Volumes;

/// <summary>Every property of a location, those too that it may be given later.</summary>
[JsonSerializable(typeof(LocationDescription))]
internal sealed partial class LocationIdentityJson : JsonSerializerContext;
