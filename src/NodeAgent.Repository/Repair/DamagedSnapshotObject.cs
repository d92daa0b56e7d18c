namespace NodeAgent.Repository.Repair;

/// <summary>A snapshot whose object cannot be read: nothing says any more what was in it.</summary>
/// <param name="Key">The object.</param>
/// <param name="Message">What is wrong with it.</param>
/// <param name="IsForgotten">Whether it was forgotten now, so that it no longer keeps collection from its work.</param>
public sealed record DamagedSnapshotObject(string Key, string Message, bool IsForgotten);
