namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>What happened in schedules: shows that they are about something.</summary>
internal sealed class ScheduleStatistics
{
    public long Backups { get; set; }

    public long Published { get; set; }

    public long Revoked { get; set; }

    public long Abandoned { get; set; }

    public long Failed { get; set; }

    public long FailedCollections { get; set; }

    public long Deleted { get; set; }

    public long Absolved { get; set; }

    public long TakenBack { get; set; }

    public long Snapshots { get; set; }

    public long NamedAgain { get; set; }

    public long Merged { get; set; }

    public void Add(ScheduleStatistics other)
    {
        Backups += other.Backups;
        Published += other.Published;
        Revoked += other.Revoked;
        Abandoned += other.Abandoned;
        Failed += other.Failed;
        FailedCollections += other.FailedCollections;
        Deleted += other.Deleted;
        Absolved += other.Absolved;
        TakenBack += other.TakenBack;
        Snapshots += other.Snapshots;
        NamedAgain += other.NamedAgain;
        Merged += other.Merged;
    }

    public override string ToString() =>
        $"{Backups} backups: {Published} published, {Revoked} revoked, {Abandoned} abandoned, {Failed} failed; {Deleted} packs deleted, {Absolved} absolved, {FailedCollections} collections failed; {TakenBack} snapshots taken back; {NamedAgain} packs named again, {Merged} segments merged; {Snapshots} at the end";
}
