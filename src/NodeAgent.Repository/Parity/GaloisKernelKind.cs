namespace NodeAgent.Repository.Parity;

/// <summary>How many bytes are multiplied at a time. A later one is faster.</summary>
internal enum GaloisKernelKind
{
    /// <summary>One.</summary>
    Scalar,

    /// <summary>16.</summary>
    Vector128,

    /// <summary>32.</summary>
    Vector256,
}
