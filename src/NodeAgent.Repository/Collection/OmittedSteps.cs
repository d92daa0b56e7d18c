namespace NodeAgent.Repository.Collection;

/// <summary>
/// Steps of the protocol that can be left out, to show that the simulator notices. Only tests pass anything but <see cref="None"/>.
/// </summary>
[Flags]
internal enum OmittedSteps
{
    None = 0,

    /// <summary>A publish does not look at the ledger.</summary>
    LookBeforePublish = 1 << 0,

    /// <summary>A publish does not ask whether its session was revoked.</summary>
    OwnSessionAtPublish = 1 << 1,

    /// <summary>A publish writes without a fence.</summary>
    PublishFence = 1 << 2,

    /// <summary>A collector does not wait for publishes that looked before it condemned.</summary>
    Wait = 1 << 3,

    /// <summary>A collector on a store with exclusive fences condemns without one.</summary>
    ExclusiveCondemn = 1 << 4,

    /// <summary>A collector deletes what it condemned without marking again.</summary>
    Remark = 1 << 5,

    /// <summary>The second mark counts a pack as there to stay although another collector has condemned it.</summary>
    OthersCondemns = 1 << 6,

    /// <summary>A collector deletes without asking whether its session was revoked.</summary>
    OwnSessionAtDelete = 1 << 7,

    /// <summary>A collector deletes without a fence.</summary>
    DeleteFence = 1 << 8,

    /// <summary>A session reads the ledger, the packs and the index before it announces itself.</summary>
    AnnounceBeforeIndex = 1 << 9,

    /// <summary>A session reads the index before the ledger.</summary>
    LedgerBeforeIndex = 1 << 10,

    /// <summary>A collector condemns before the copies of what is still used are in the index.</summary>
    CopiesBeforeCondemn = 1 << 11,

    /// <summary>Records are removed although sessions run that have not seen them.</summary>
    RecordRetention = 1 << 12,

    /// <summary>A collector takes back, for others, what they condemned.</summary>
    OwnAbsolvesOnly = 1 << 13,

    /// <summary>A snapshot is taken back without a look at whether its data is being removed.</summary>
    LookBeforeUnforget = 1 << 14,

    /// <summary>Packs of running sessions are collected like others.</summary>
    SpareRunning = 1 << 15,

    /// <summary>A revoked session counts as over at once, not after the reach of its fences.</summary>
    RevocationReach = 1 << 16,

    /// <summary>A session says that it has ended although it does not know what came of its last write.</summary>
    EndAfterOutcome = 1 << 17,

    /// <summary>The second mark does not list packs again: a pack that someone deleted counts as there.</summary>
    ListPacksAgain = 1 << 18,

    /// <summary>Packs are taken up from other collectors' records as long condemned, whether or not they still stand.</summary>
    StandingInheritance = 1 << 19,

    /// <summary>Chunks in condemned packs count as there for a writer.</summary>
    IgnoreCondemnedAtBegin = 1 << 20,

    /// <summary>Snapshots whose marks are old enough count as gone without a record that says so.</summary>
    DropRecord = 1 << 21,

    /// <summary>A dropped snapshot counts as gone before it is certain that nobody still takes it back.</summary>
    DropSettles = 1 << 22,

    /// <summary>A collector writes the segments that leave packs out without a fence.</summary>
    IndexFence = 1 << 23,
}
