using System.Text.Json.Serialization;

namespace NodeAgent.Repository.Snapshots;

/// <summary>What a snapshot is of.</summary>
public sealed record SnapshotSource
{
    /// <summary><see cref="Kind"/> of a pod's volume.</summary>
    public const string PodVolume = "pod-volume";

    /// <summary><see cref="Kind"/> of a directory of a machine.</summary>
    public const string Directory = "directory";

    /// <summary>"pod-volume" or "directory".</summary>
    public required string Kind { get; init; }

    /// <summary>The directory on the machine.</summary>
    public string? Path { get; init; }

    /// <summary>The pod's namespace.</summary>
    public string? Namespace { get; init; }

    /// <summary>The pod.</summary>
    public string? Pod { get; init; }

    /// <summary>The pod's uid.</summary>
    public string? PodUid { get; init; }

    /// <summary>The volume by its name in the pod.</summary>
    public string? Volume { get; init; }

    /// <summary>The volume's claim, when it has one.</summary>
    public string? Pvc { get; init; }

    /// <summary>The node.</summary>
    public string? Node { get; init; }

    /// <summary>
    /// Whether both are backups of the same thing, so that one can be the other's parent: a volume by its claim, or else by pod and
    /// volume name; a directory by machine and path.
    /// </summary>
    public static bool IsSame(SnapshotSource left, string? leftHost, SnapshotSource right, string? rightHost)
    {
        if (left.Kind != right.Kind)
            return false;
        if (left.Kind != PodVolume)
            return left.Path == right.Path && leftHost == rightHost;
        if (left.Namespace != right.Namespace)
            return false;
        return left.Pvc is not null || right.Pvc is not null
            ? left.Pvc == right.Pvc
            : left.Pod == right.Pod && left.Volume == right.Volume;
    }

    /// <summary>"namespace/pod/volume" or the path, for people.</summary>
    [JsonIgnore]
    public string Display => Kind == PodVolume ? $"{Namespace}/{Pod}/{Volume}" : Path ?? "";
}
