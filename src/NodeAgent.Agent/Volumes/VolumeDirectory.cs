namespace NodeAgent.Agent.Volumes;

/// <summary>A pod's volume as it lies on the node.</summary>
/// <param name="Path">Its directory, as this process sees it.</param>
/// <param name="Claim">Name of the PersistentVolumeClaim behind it; null when there is none.</param>
internal sealed record VolumeDirectory(string Path, string? Claim);
