namespace NodeAgent.Repository.Stores;

/// <summary>Why a store could not do something.</summary>
public enum StoreFailure
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>No space or quota left.</summary>
    DiskFull,

    /// <summary>Not permitted, or a read-only file system.</summary>
    PermissionDenied,

    /// <summary>The object is not there.</summary>
    NotFound,

    /// <summary>It may work when tried again.</summary>
    Transient,
}
