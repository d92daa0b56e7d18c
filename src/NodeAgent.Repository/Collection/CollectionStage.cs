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

    /// <summary>Finding out which snapshots came to use what is to go.</summary>
    Remark,

    /// <summary>Deleting packs.</summary>
    Delete,
}
