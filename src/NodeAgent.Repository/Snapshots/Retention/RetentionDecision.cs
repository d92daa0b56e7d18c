namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>What a policy says of one snapshot.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Time">The time that it counted with.</param>
/// <param name="Reasons">Why it is kept, one text for each rule; empty when it is not.</param>
public sealed record RetentionDecision(Snapshot Snapshot, DateTimeOffset Time, IReadOnlyList<string> Reasons)
{
    /// <summary>Whether it is kept.</summary>
    public bool IsKept => Reasons.Count > 0;

    /// <summary>Whether the snapshot says that it was made after the store received it, so that the store's time counted.</summary>
    public bool IsClockDoubted => Time != Snapshot.Manifest.Time;
}
