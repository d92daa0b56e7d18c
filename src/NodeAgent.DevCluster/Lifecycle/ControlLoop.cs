using System.Threading.Channels;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>
/// Runs every controller after every change, one after another on one task. Each looks at all objects it cares about and
/// moves them one step towards what they should be, so nothing is lost when changes come faster than it runs.
/// </summary>
internal sealed class ControlLoop : IAsyncDisposable
{
    // Files that a pod waits for arrive without a change of any object, hence the tick.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<IController> _controllers;
    private readonly Task _run;

    private ControlLoop(ObjectStore store, List<IController> controllers, TimeProvider time)
    {
        _controllers = controllers;
        // Capacity 1: a waiting signal already covers every change made so far.
        var changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        store.Changed = _ => changed.Writer.TryWrite(true);
        _run = Task.Run(() => RunAsync(changed.Reader, time, _stop.Token));
    }

    public static ControlLoop Start(ObjectStore store, ResourceRegistry registry, ResourceWriter writer, EmbeddedClusterOptions options)
    {
        List<IController> controllers = [new NamespaceController(store, registry, writer), new DefinitionController(store, registry, writer), new GarbageCollector(store, registry, writer)];
        return new ControlLoop(store, controllers, options.Time);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        foreach (var controller in _controllers.OfType<IDisposable>())
            controller.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(ChannelReader<bool> changed, TimeProvider time, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var controller in _controllers)
            {
                try
                {
                    controller.Reconcile();
                }
                catch (Exception e) when (e is Api.ApiException or IOException or UnauthorizedAccessException)
                {
                    // An object changed or vanished underneath, or the disk refused: the next round sees the new state.
                    await Console.Error.WriteLineAsync($"devcluster: {controller.GetType().Name}: {e.Message}");
                }
            }
            using var wait = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var tick = Task.Delay(Tick, time, wait.Token);
            var signal = changed.WaitToReadAsync(wait.Token).AsTask();
            await Task.WhenAny(tick, signal);
            changed.TryRead(out _);
            await wait.CancelAsync();
            await Task.WhenAll(tick.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default), signal.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
        }
    }
}
