namespace NodeAgent.Filesystem.Restore;

/// <summary>What is done about a place in the target.</summary>
internal enum ExistingChoice
{
    /// <summary>Nothing is there, or it is replaced.</summary>
    Write,

    /// <summary>The ranges of it that differ are written anew.</summary>
    Update,

    /// <summary>Its content is taken for that of the snapshot; its metadata is looked at.</summary>
    Same,

    /// <summary>An interrupted run of this restore made it, content and metadata.</summary>
    Complete,

    /// <summary>It stays as it is, whatever the snapshot has.</summary>
    Keep,
}
