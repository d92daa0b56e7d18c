namespace NodeAgent.Stores.Locations;

/// <summary>A location's description cannot be used; the message is one line for the resource's status.</summary>
public sealed class LocationException(string message) : Exception(message);
