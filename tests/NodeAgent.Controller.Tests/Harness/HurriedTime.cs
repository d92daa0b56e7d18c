namespace NodeAgent.Controller.Tests.Harness;

/// <summary>A clock whose waits become short when the test is in a hurry, as when it does not care what a dead process would have waited for.</summary>
internal sealed class HurriedTime : TimeProvider
{
    private volatile bool _isHurried;

    public void Hurry() => _isHurried = true;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, _isHurried && dueTime > TimeSpan.Zero ? dueTime / 100 : dueTime, period);
}
