using NodeAgent.Controller.Snapshots.Aws;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The providers that locations may name. One more is a folder beside this file and a line in <see cref="Default"/>.</summary>
internal sealed class SnapshotProviders(IReadOnlyList<ISnapshotProvider> providers)
{
    /// <summary>Snapshots through the cluster's own VolumeSnapshot objects, which are API objects and no calls to a storage system.</summary>
    public const string Csi = "csi";

    public static SnapshotProviders Default { get; } = new(
    [
        new EbsProvider(),
    ]);

    public IReadOnlyList<ISnapshotProvider> All => providers;

    public IEnumerable<string> Known => providers.Select(p => p.Name).Append(Csi);

    /// <summary>A provider's name without its prefix: <c>velero.io/aws</c> is <c>aws</c>.</summary>
    public static string NameOf(string? provider) => (provider ?? "")[((provider ?? "").LastIndexOf('/') + 1)..];

    /// <summary>Null for one that is not known, and for <see cref="Csi"/>.</summary>
    public ISnapshotProvider? Find(string? provider) => providers.FirstOrDefault(p => p.Name == NameOf(provider));
}
