namespace NodeAgent.Repository.Collection;

/// <summary>What a record of collection says. The names are part of the format.</summary>
internal enum CollectionRecordKind
{
    /// <summary>These packs are being retired: nothing new may rely on them, and they may be deleted.</summary>
    Condemn,

    /// <summary>These packs of the condemn record of the same number are taken back.</summary>
    Absolve,

    /// <summary>The condemn record of the same number is done with: its packs are deleted or taken back.</summary>
    Swept,

    /// <summary>These forget marks are final: the data of their snapshots is being removed, and they cannot be taken back.</summary>
    Drop,
}
