namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>Does something over and over on a thread of its own until it is disposed.</summary>
internal sealed class Disturbance : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public Disturbance(Action<int> disturb) =>
        _loop = Task.Factory.StartNew(
            () =>
            {
                for (var round = 0; !_stop.IsCancellationRequested; round++) disturb(round);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }
}
