namespace NodeAgent.Repository.Objects;

/// <summary>The identity of a snapshot: the hash of its object, which is also part of the object's name.</summary>
/// <param name="Hash">32 bytes.</param>
public readonly record struct SnapshotId(ChunkId Hash)
{
    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Hash.ToString();

    /// <summary>Reads 64 hexadecimal digits.</summary>
    public static bool TryParse(string? text, out SnapshotId id)
    {
        var valid = ChunkId.TryParse(text, out var hash);
        id = new SnapshotId(hash);
        return valid;
    }
}
