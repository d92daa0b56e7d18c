namespace NodeAgent.Repository.Collection;

/// <summary>Every length of time that collection goes by. All are compared by the store's clock, never by a client's.</summary>
internal sealed record CollectionTimes
{
    public static CollectionTimes Default { get; } = new();

    /// <summary>How long a fence of this program writes after it was taken: what a publish or a batch of deletes may take from look to write.</summary>
    public TimeSpan FenceLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The longest lifetime that any program's fences may have; a session says its own in its record.</summary>
    public TimeSpan LongestFence { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long after the end of a fence's lifetime a request that began in time may still take effect: its body is on its way.</summary>
    public TimeSpan BodySlack { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How far two times that the store gives may be wrong against each other: its machines' clocks, and stamps of whole seconds. A wait takes it twice: for the
    /// fence's time against the clock that refuses what comes late, and for the record's against the clock that the wait goes by.
    /// </summary>
    public TimeSpan ClockSlack { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often a running session says that it lives.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Packs of a session that said so within this time are not touched. Saves work; nothing is lost when it is wrong.</summary>
    public TimeSpan Live { get; init; } = TimeSpan.FromHours(1);

    /// <summary>A session that has been silent for this long is revoked: what it has not published, it must begin again.</summary>
    public TimeSpan Dead { get; init; } = TimeSpan.FromHours(72);

    /// <summary>A snapshot that was forgotten longer ago than this no longer keeps data, unless another grace is asked for.</summary>
    public TimeSpan ForgetGrace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A replaced index segment stays this long: who listed it before it was replaced can still read it.</summary>
    public TimeSpan ReplacedSegment { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a collector sleeps before it looks again who it still waits for.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>After this time nothing comes of a fence that a session took before it was revoked.</summary>
    public TimeSpan Reach => ReachOf(LongestFence);

    /// <summary>After this time everything that was published by a fence of a lifetime is there, if the look was before.</summary>
    public TimeSpan ReachOf(TimeSpan lifetime) => (lifetime < LongestFence ? lifetime : LongestFence) + BodySlack + (2 * ClockSlack);
}
