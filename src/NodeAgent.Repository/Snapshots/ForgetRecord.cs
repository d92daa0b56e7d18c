namespace NodeAgent.Repository.Snapshots;

/// <summary>The mark that hides a snapshot: what a forget object holds.</summary>
/// <param name="Snapshot">Id of the snapshot in hexadecimal: the object's name alone could be given to another snapshot's mark.</param>
/// <param name="Time">When it was forgotten, by the clock of who did.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record ForgetRecord(string? Snapshot, DateTimeOffset Time, string? Reason);
