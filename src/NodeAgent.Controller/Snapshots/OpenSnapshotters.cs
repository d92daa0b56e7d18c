using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>
/// The snapshot locations that one run uses, each opened once. What one was found unusable for is remembered, so that its Secret is not
/// asked for again with each volume. Safe for concurrent use, as its snapshotters are.
/// </summary>
internal sealed class OpenSnapshotters(SnapshotLocations locations) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<string, (IVolumeSnapshotter? Snapshotter, ISnapshotProvider? Provider, string? Problem)> _opened = new(StringComparer.Ordinal);

    /// <exception cref="SnapshotException">The location cannot be used.</exception>
    public Task<(IVolumeSnapshotter Snapshotter, ISnapshotProvider Provider)> OpenAsync(VolumeSnapshotLocation location, CancellationToken cancellation) =>
        OpenAsync(location.Metadata.Name!, () => TryOpenAsync(location, cancellation), cancellation);

    /// <exception cref="SnapshotException">There is no location of that name, or it cannot be used.</exception>
    public Task<(IVolumeSnapshotter Snapshotter, ISnapshotProvider Provider)> OpenAsync(string name, CancellationToken cancellation) => OpenAsync(
        name,
        async () => await locations.FindAsync(name, cancellation) is { } location
            ? await TryOpenAsync(location, cancellation)
            : (null, null, $"snapshot location \"{name}\" does not exist; create it as it was when the backup was made"),
        cancellation);

    public void Dispose()
    {
        foreach (var (snapshotter, _, _) in _opened.Values) snapshotter?.Dispose();
        _gate.Dispose();
    }

    private async Task<(IVolumeSnapshotter Snapshotter, ISnapshotProvider Provider)> OpenAsync(string name, Func<Task<(IVolumeSnapshotter?, ISnapshotProvider?, string?)>> open, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (!_opened.TryGetValue(name, out var known)) _opened[name] = known = await open();
            return Answer(known);
        }
        finally
        {
            _gate.Release();
        }
    }

    private static (IVolumeSnapshotter, ISnapshotProvider) Answer((IVolumeSnapshotter? Snapshotter, ISnapshotProvider? Provider, string? Problem) opened) =>
        opened.Snapshotter is null ? throw new SnapshotException(opened.Problem!) : (opened.Snapshotter, opened.Provider!);

    private async Task<(IVolumeSnapshotter?, ISnapshotProvider?, string?)> TryOpenAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        try
        {
            return (await locations.OpenAsync(location, cancellation), locations.Providers.Find(location.Spec.Provider), null);
        }
        catch (LocationException e)
        {
            return (null, null, e.Message);
        }
    }
}
