namespace NodeAgent.Repository.Collection;

/// <summary>What the objects of a session say of it.</summary>
internal sealed record SessionState(string Name)
{
    public const string Prefix = "sess/";

    /// <summary>When its announcement was written; null when that is gone: the session was revoked.</summary>
    public DateTimeOffset? Began { get; init; }

    /// <summary>When it last said that it lives.</summary>
    public DateTimeOffset Newest { get; init; }

    /// <summary>When it said that it publishes and deletes nothing more.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>When it was declared dead.</summary>
    public DateTimeOffset? Revoked { get; init; }

    public IReadOnlyList<string> Keys { get; init; } = [];

    public static string AnnouncementKey(string session) => $"{Prefix}{session}/0";

    public static string HeartbeatKey(string session, int number) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Prefix}{session}/{number}");

    public static string EndKey(string session) => $"{Prefix}{session}/end";

    public static string RevokedKey(string session) => $"{Prefix}{session}/revoked";

    /// <summary>Whether nothing that the session decided on can take effect any more.</summary>
    public bool IsOver(DateTimeOffset now, CollectionTimes times, OmittedSteps omitted = OmittedSteps.None) =>
        Ended is not null || (Revoked is { } revoked && (now >= revoked + times.Reach || omitted.HasFlag(OmittedSteps.RevocationReach)));

    /// <summary>From when on nothing that the session decided on can take effect; null when it may still.</summary>
    public DateTimeOffset? OverSince(DateTimeOffset now, CollectionTimes times, OmittedSteps omitted = OmittedSteps.None) =>
        !IsOver(now, times, omitted) ? null : Ended ?? (omitted.HasFlag(OmittedSteps.RevocationReach) ? Revoked : Revoked + times.Reach);
}
