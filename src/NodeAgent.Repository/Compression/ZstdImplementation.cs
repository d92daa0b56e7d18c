namespace NodeAgent.Repository.Compression;

/// <summary>Whose code compresses and decompresses. What they write is of one format (RFC 8878), but not the same to the byte.</summary>
public enum ZstdImplementation
{
    /// <summary>The system's libzstd. The faster one.</summary>
    Native,

    /// <summary>ZstdSharp, a port to C# that comes with the program.</summary>
    Managed,
}
