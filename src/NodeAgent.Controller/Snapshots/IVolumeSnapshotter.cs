namespace NodeAgent.Controller.Snapshots;

/// <summary>Makes and removes snapshots at one location. Everything fails with a <see cref="SnapshotException"/> of one line, after it was tried often enough.</summary>
internal interface IVolumeSnapshotter : IDisposable
{
    /// <summary>Fails when the system does not answer or does not take the credentials.</summary>
    Task CheckAsync(CancellationToken cancellation);

    /// <summary>What a volume like this one is made with.</summary>
    /// <param name="zone">Where the volume is; empty when nothing says.</param>
    Task<VolumeTraits> DescribeVolumeAsync(string volumeId, string zone, CancellationToken cancellation);

    /// <summary>Begins a snapshot of the volume as it is now, and answers its id. It may complete later.</summary>
    Task<string> CreateSnapshotAsync(string volumeId, string zone, IReadOnlyDictionary<string, string> tags, CancellationToken cancellation);

    /// <summary>The ids of all snapshots, complete or not, that have the tag with that value.</summary>
    Task<IReadOnlyList<string>> FindSnapshotsAsync(string tag, string value, CancellationToken cancellation);

    /// <summary>Removes a snapshot. One that is gone is no failure.</summary>
    Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellation);

    /// <summary>Makes a volume with the content of a snapshot, and answers its id.</summary>
    Task<string> CreateVolumeAsync(string snapshotId, VolumeTraits traits, string zone, CancellationToken cancellation);
}
