namespace NodeAgent.Repository.Snapshots;

/// <summary>The mark that hides a snapshot: what a forget object holds.</summary>
/// <param name="Time">When it was forgotten, by the clock of who did.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record ForgetRecord(DateTimeOffset Time, string? Reason);
