namespace NodeAgent.Filesystem;

/// <summary>Something about one file that did not work; the run went on.</summary>
/// <param name="Path">The path below the source or target.</param>
/// <param name="Operation">What was tried.</param>
/// <param name="Error">Why it failed.</param>
public sealed record FileIssue(FileName Path, string Operation, string Error);
