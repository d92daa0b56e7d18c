namespace NodeAgent.Filesystem;

/// <summary>What a restore does with a file that is there already.</summary>
public enum OverwritePolicy
{
    /// <summary>It is replaced, in one step, when the restored one is complete.</summary>
    Always,

    /// <summary>It stays.</summary>
    Never,

    /// <summary>It stays, and is reported.</summary>
    Fail,
}
