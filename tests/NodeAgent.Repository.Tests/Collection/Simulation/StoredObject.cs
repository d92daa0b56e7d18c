namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>An object of the simulated store.</summary>
/// <param name="Content">What its bytes stand for.</param>
/// <param name="Body">The bytes.</param>
/// <param name="Written">When.</param>
internal sealed record StoredObject(object Content, byte[] Body, DateTimeOffset Written);
