using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository.Copying;

/// <summary>What a copy did.</summary>
/// <param name="Snapshots">Each snapshot, the oldest first.</param>
/// <param name="Stored">What was stored in the target.</param>
/// <param name="ReadBytes">Bytes of chunks that were read from the source.</param>
public sealed record SnapshotCopyReport(IReadOnlyList<CopiedSnapshot> Snapshots, SessionStatistics Stored, long ReadBytes);
