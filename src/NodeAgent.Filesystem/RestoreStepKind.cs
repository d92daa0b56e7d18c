namespace NodeAgent.Filesystem;

/// <summary>What a restore would do at a place in the target.</summary>
public enum RestoreStepKind
{
    /// <summary>Make what is not there.</summary>
    Create,

    /// <summary>Replace what is there, or rewrite what differs of it.</summary>
    Replace,

    /// <summary>Leave what is there.</summary>
    Keep,

    /// <summary>Remove it: the snapshot does not have it.</summary>
    Delete,
}
