namespace NodeAgent.Controller.Snapshots;

/// <summary>Kind of a volume and the operations per second that were bought for it; null where its kind has none to buy.</summary>
internal sealed record VolumeTraits(string Type, long? Iops);
