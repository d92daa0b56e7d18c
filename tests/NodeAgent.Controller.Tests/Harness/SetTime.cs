namespace NodeAgent.Controller.Tests.Harness;

/// <summary>A calendar that stands where the test sets it; timers run as usual.</summary>
internal sealed class SetTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
