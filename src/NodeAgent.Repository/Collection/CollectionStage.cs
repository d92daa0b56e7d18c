namespace NodeAgent.Repository.Collection;

/// <summary>What a collection is doing.</summary>
public enum CollectionStage
{
    /// <summary>Reading the index.</summary>
    Index,

    /// <summary>Going through snapshots.</summary>
    Mark,

    /// <summary>Copying what is used out of packs that hold much that is not.</summary>
    Repack,

    /// <summary>Waiting for sessions that may still publish.</summary>
    Wait,

    /// <summary>Deleting packs.</summary>
    Delete,
}
