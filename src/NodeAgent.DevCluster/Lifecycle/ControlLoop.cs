using System.Threading.Channels;
using NodeAgent.DevCluster.Kubelet;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Volumes;
using NodeAgent.DevCluster.Workloads;
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
    private readonly VolumeDirectories _directories;
    private readonly Task _run;

    private ControlLoop(ObjectStore store, List<IController> controllers, VolumeDirectories directories, TimeProvider time)
    {
        _controllers = controllers;
        _directories = directories;
        // Capacity 1: a waiting signal already covers every change made so far.
        var changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        store.Changed = _ => changed.Writer.TryWrite(true);
        _run = Task.Run(() => RunAsync(changed.Reader, time, _stop.Token));
    }

    public static ControlLoop Start(ObjectStore store, ResourceRegistry registry, ResourceWriter writer, VolumeDirectories directories, EmbeddedClusterOptions options)
    {
        var events = new EventRecorder(registry, writer, options.Time);
        List<IController> controllers =
        [
            new NamespaceController(store, registry, writer),
            new DefinitionController(store, registry, writer),
            new GarbageCollector(store, registry, writer),
            new VolumeController(store, registry, writer, directories, options.RunNodes),
        ];
        if (options.RunNodes)
            controllers.AddRange([new WorkloadController(store, registry, writer, events), new Scheduler(store, registry, writer, events)]);
        foreach (var (node, i) in options.Nodes.Select((n, i) => (n, i)))
        {
            var volumes = new PodVolumes(Path.Combine(options.Directory, "nodes", node, "pods"), store, directories);
            controllers.Add(new NodeKubelet(new NodePlace(node, i, options.RunNodes), volumes, store, registry, writer, events));
            Directory.CreateDirectory(Path.Combine(options.Directory, "nodes", node, "pods"));
        }
        return new ControlLoop(store, controllers, directories, options.Time);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _directories.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(ChannelReader<bool> changed, TimeProvider time, CancellationToken stop)
    {
        var reported = "";
        while (!stop.IsCancellationRequested)
        {
            foreach (var controller in _controllers)
            {
                try
                {
                    controller.Reconcile();
                }
                catch (Exception e)
                {
                    // An object changed or vanished underneath, or the disk refused: the next round sees the new state.
                    var problem = $"devcluster: {controller.GetType().Name}: {e.Message}";
                    if (problem != reported)
                        await Console.Error.WriteLineAsync(problem);
                    reported = problem;
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
