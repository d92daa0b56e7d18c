namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A clock that is ahead, so that files written just now are older than the racy window without waiting.</summary>
internal sealed class LaterClock(TimeSpan ahead) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;
}
