namespace NodeAgent.Repository.Hashing;

/// <summary>Which code hashes whole chunks and parents. The value is the number of 1 KiB chunks hashed in parallel.</summary>
internal enum Blake3Kernel
{
    Scalar = 1,
    Vector128 = 4,
    Vector256 = 8,
    Vector512 = 16,
}
