namespace NodeAgent.Stores.Tests.S3;

/// <summary>The system's clock, set to another time; timers run as ever.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    public TimeSpan By { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + By;
}
