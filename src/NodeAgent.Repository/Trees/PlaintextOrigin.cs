using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>Names what decoded bytes came from in errors; the text is made only when an error is.</summary>
internal readonly record struct PlaintextOrigin(ChunkKind Kind, ChunkId Id)
{
    /// <summary>Bytes that came from no chunk: a snapshot's root entry, or an entry that was just encoded.</summary>
    public static PlaintextOrigin SnapshotRoot => default;

    public override string ToString() => Kind switch
    {
        ChunkKind.Tree => $"tree chunk {Id}",
        ChunkKind.List => $"list chunk {Id}",
        ChunkKind.Data => $"data chunk {Id}",
        _ => "snapshot root entry",
    };
}
