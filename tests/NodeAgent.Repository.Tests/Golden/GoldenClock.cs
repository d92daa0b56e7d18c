namespace NodeAgent.Repository.Tests.Golden;

/// <summary>Stands still, so that names and records are the same in every run.</summary>
internal sealed class GoldenClock(DateTimeOffset now) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => now;
}
