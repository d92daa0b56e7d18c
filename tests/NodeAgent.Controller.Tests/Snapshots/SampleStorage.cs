using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Tests.Snapshots;

/// <summary>A storage system that a test registers: its volumes are those of Portworx, and it remembers what was asked of it.</summary>
internal sealed class SampleStorage : ISnapshotProvider
{
    private int _next;

    public string Name => "portworx";

    /// <summary>Snapshots that exist, by id: the volume, the place that made them, and their tags.</summary>
    public ConcurrentDictionary<string, (string Volume, string Place, string Type, IReadOnlyDictionary<string, string> Tags)> Snapshots { get; } = new();

    /// <summary>Volumes that were made, by id: the snapshot and the zone.</summary>
    public ConcurrentDictionary<string, (string Snapshot, string Zone, VolumeTraits Traits)> Volumes { get; } = new();

    /// <summary>Why the next calls fail; null when they do not.</summary>
    public string? Failure { get; set; }

    /// <summary>Called at each snapshot, with the volume's id.</summary>
    public Action<string>? OnSnapshot { get; set; }

    public ConcurrentQueue<string> CredentialsSeen { get; } = new();

    public string? VolumeIdOf(JsonObject volume) => volume.Text("spec", "portworxVolume", "volumeID");

    public void Assign(JsonObject volume, string volumeId) => volume.Child("spec").Child("portworxVolume")["volumeID"] = volumeId;

    public IVolumeSnapshotter Open(SnapshotPlace place)
    {
        CredentialsSeen.Enqueue(place.Credentials);
        return place.Text("type") is "local" or "cloud"
            ? new Snapshotter(this, place)
            : throw new LocationException($"snapshot location {place.Name}: config.type is \"{place.Text("type")}\" instead of local or cloud");
    }

    private sealed class Snapshotter(SampleStorage storage, SnapshotPlace place) : IVolumeSnapshotter
    {
        public Task CheckAsync(CancellationToken cancellation) => FailIfAskedAsync();

        public async Task<VolumeTraits> DescribeVolumeAsync(string volumeId, string zone, CancellationToken cancellation)
        {
            await FailIfAskedAsync();
            return new VolumeTraits("fast", 500);
        }

        public async Task<string> CreateSnapshotAsync(string volumeId, string zone, IReadOnlyDictionary<string, string> tags, CancellationToken cancellation)
        {
            await FailIfAskedAsync();
            storage.OnSnapshot?.Invoke(volumeId);
            var id = $"pxs-{Interlocked.Increment(ref storage._next)}";
            storage.Snapshots[id] = (volumeId, place.Name, place.Text("type"), tags);
            return id;
        }

        public async Task<IReadOnlyList<string>> FindSnapshotsAsync(string tag, string value, CancellationToken cancellation)
        {
            await FailIfAskedAsync();
            return [.. storage.Snapshots.Where(s => s.Value.Place == place.Name && s.Value.Tags.GetValueOrDefault(tag) == value).Select(s => s.Key)];
        }

        public async Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellation)
        {
            await FailIfAskedAsync();
            storage.Snapshots.TryRemove(snapshotId, out _);
        }

        public async Task<string> CreateVolumeAsync(string snapshotId, VolumeTraits traits, string zone, CancellationToken cancellation)
        {
            await FailIfAskedAsync();
            if (!storage.Snapshots.ContainsKey(snapshotId)) throw new SnapshotException($"snapshot {snapshotId} does not exist");
            var id = $"pxv-{Interlocked.Increment(ref storage._next)}";
            storage.Volumes[id] = (snapshotId, zone, traits);
            return id;
        }

        public void Dispose()
        {
        }

        private Task FailIfAskedAsync() => storage.Failure is { } failure ? Task.FromException(new SnapshotException(failure)) : Task.CompletedTask;
    }
}
