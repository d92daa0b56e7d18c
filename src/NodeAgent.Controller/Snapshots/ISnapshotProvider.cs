using System.Text.Json.Nodes;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>A storage system with snapshots of its own, and the persistent volumes that lie in it.</summary>
internal interface ISnapshotProvider
{
    /// <summary>Name that a location's <c>spec.provider</c> has, without a prefix such as <c>velero.io/</c>.</summary>
    string Name { get; }

    /// <summary>The system's own id of the volume behind a PersistentVolume; null when it lies elsewhere.</summary>
    string? VolumeIdOf(JsonObject volume);

    /// <summary>Makes a PersistentVolume that <see cref="VolumeIdOf"/> knows stand for another volume of the system.</summary>
    void Assign(JsonObject volume, string volumeId);

    /// <summary>Checks a location's settings, without asking the system, and gives what works with them. The caller disposes it.</summary>
    /// <exception cref="LocationException">They cannot be used.</exception>
    IVolumeSnapshotter Open(SnapshotPlace place);
}
