namespace NodeAgent.Filesystem;

/// <summary>What a restore does with a file that is there already.</summary>
public enum OverwritePolicy
{
    /// <summary>It is replaced, in one step, when the restored one is complete.</summary>
    Always,

    /// <summary>As always, but a file of the same size and modification time keeps its content, and only its metadata is looked at.</summary>
    IfChanged,

    /// <summary>It is replaced when the snapshot has a later modification time; else it stays.</summary>
    IfNewer,

    /// <summary>It stays.</summary>
    Never,

    /// <summary>It stays, and is reported.</summary>
    Fail,
}
