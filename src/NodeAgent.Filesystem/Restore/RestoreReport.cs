namespace NodeAgent.Filesystem.Restore;

/// <summary>What a restore will have to say at its end. Shared by all that work on it.</summary>
/// <param name="Counts">What was made and what was left.</param>
/// <param name="Issues">What went wrong.</param>
internal sealed record RestoreReport(RestoreCounts Counts, IssueList Issues);
