using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Repository.Usage;

/// <summary>What the snapshots of a group take.</summary>
/// <param name="Group">The group.</param>
/// <param name="Chunks">Distinct chunks that they use.</param>
/// <param name="ContentBytes">Plaintext of the data chunks among these: the content of all files, each part once.</param>
/// <param name="StoredBytes">What the chunks take, compressed and encrypted; directories included.</param>
/// <param name="UniqueBytes">Of these, what no other group uses: what would become free if the group were forgotten.</param>
public sealed record GroupUsage(SnapshotGroup Group, long Chunks, long ContentBytes, long StoredBytes, long UniqueBytes)
{
    /// <summary>What a restore of every snapshot would write.</summary>
    public long RestorableBytes => Group.Snapshots.Sum(snapshot => snapshot.Manifest.Stats.Bytes);

    /// <summary>What another group uses too.</summary>
    public long SharedBytes => StoredBytes - UniqueBytes;
}
