namespace NodeAgent.Controller.Backups.Policies;

/// <summary>The conditions of a policy, all of which must hold; one that is not given always does.</summary>
internal sealed record VolumeConditions
{
    public CapacityRange Capacity { get; init; }

    public IReadOnlyList<string> StorageClasses { get; init; } = [];

    /// <summary>Null asks nothing, empty texts any volume of the kind.</summary>
    public (string Server, string Path)? Nfs { get; init; }

    /// <summary>Null asks nothing, an empty driver any volume of the kind.</summary>
    public (string Driver, IReadOnlyDictionary<string, string> Attributes)? Csi { get; init; }

    public IReadOnlyList<string> Types { get; init; } = [];

    public IReadOnlyDictionary<string, string> ClaimLabels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> ClaimPhases { get; init; } = [];

    public string ClaimVolumeMode { get; init; } = "";

    /// <summary>The claim must have these and no others.</summary>
    public IReadOnlyList<string> ClaimAccessModes { get; init; } = [];

    public bool Match(VolumeFacts volume) =>
        Capacity.Contains(volume.Capacity)
        && (StorageClasses.Count == 0 || StorageClasses.Contains(volume.StorageClass))
        && MatchesNfs(volume)
        && MatchesCsi(volume)
        && (Types.Count == 0 || Types.Contains(volume.Type))
        && Holds(ClaimLabels, volume.ClaimLabels)
        && (ClaimPhases.Count == 0 || ClaimPhases.Contains(volume.ClaimPhase))
        && (ClaimVolumeMode.Length == 0 || ClaimVolumeMode == volume.ClaimVolumeMode)
        && (ClaimAccessModes.Count == 0 || ClaimAccessModes.Order(StringComparer.Ordinal).SequenceEqual(volume.ClaimAccessModes.Order(StringComparer.Ordinal)));

    private static bool Holds(IReadOnlyDictionary<string, string> wanted, IReadOnlyDictionary<string, string> present) =>
        wanted.All(w => present.TryGetValue(w.Key, out var value) && value == w.Value);

    private bool MatchesNfs(VolumeFacts volume) =>
        Nfs is not { } wanted
        || (volume.Nfs is { } actual && (wanted.Server.Length == 0 || wanted.Server == actual.Server) && (wanted.Path.Length == 0 || wanted.Path == actual.Path));

    private bool MatchesCsi(VolumeFacts volume) =>
        Csi is not { } wanted
        || (volume.Csi is { } actual && (wanted.Driver.Length == 0 || (wanted.Driver == actual.Driver && Holds(wanted.Attributes, actual.Attributes))));
}
