using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>
/// The snapshot locations that one run uses, each opened once. What one was found unusable for is remembered, so that its Secret is not
/// asked for again with each volume. Not for concurrent use.
/// </summary>
internal sealed class OpenSnapshotters(SnapshotLocations locations) : IDisposable
{
    private readonly Dictionary<string, (IVolumeSnapshotter? Snapshotter, ISnapshotProvider? Provider, string? Problem)> _opened = new(StringComparer.Ordinal);

    /// <exception cref="SnapshotException">The location cannot be used.</exception>
    public async Task<(IVolumeSnapshotter Snapshotter, ISnapshotProvider Provider)> OpenAsync(VolumeSnapshotLocation location, CancellationToken cancellation) =>
        Answer(_opened.TryGetValue(location.Metadata.Name!, out var known) ? known : _opened[location.Metadata.Name!] = await TryOpenAsync(location, cancellation));

    /// <exception cref="SnapshotException">There is no location of that name, or it cannot be used.</exception>
    public async Task<(IVolumeSnapshotter Snapshotter, ISnapshotProvider Provider)> OpenAsync(string name, CancellationToken cancellation)
    {
        if (!_opened.TryGetValue(name, out var known))
        {
            known = await locations.FindAsync(name, cancellation) is { } location
                ? await TryOpenAsync(location, cancellation)
                : (null, null, $"snapshot location \"{name}\" does not exist; create it as it was when the backup was made");
            _opened[name] = known;
        }

        return Answer(known);
    }

    public void Dispose()
    {
        foreach (var (snapshotter, _, _) in _opened.Values) snapshotter?.Dispose();
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
