namespace NodeAgent.Repository.Snapshots;

/// <summary>Something that went wrong with one file.</summary>
/// <param name="Path">The path's bytes.</param>
/// <param name="Display">The path for people, with control characters escaped.</param>
/// <param name="Operation">What was tried.</param>
/// <param name="Error">What happened.</param>
public sealed record SnapshotIssue(byte[] Path, string Display, string Operation, string Error);
