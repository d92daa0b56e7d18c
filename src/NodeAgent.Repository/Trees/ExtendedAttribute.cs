using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// One extended attribute of a file: its value in the entry itself, or, for a large one, in a data chunk of its own.
/// Keep the entry below <see cref="TreeLimits.MaxEntryLength"/> by storing large values as chunks.
/// </summary>
public sealed class ExtendedAttribute
{
    /// <summary>An attribute with its value at hand.</summary>
    /// <param name="name">The full name with its namespace ("user.x"), 1 to 255 bytes, no NUL. Kept, not copied.</param>
    /// <param name="value">At most 64 KiB. Kept, not copied.</param>
    public ExtendedAttribute(ReadOnlyMemory<byte> name, ReadOnlyMemory<byte> value)
    {
        Name = name;
        Value = value;
        Length = value.Length;
    }

    /// <summary>An attribute whose value is the content of a data chunk.</summary>
    /// <param name="name">The full name with its namespace, 1 to 255 bytes, no NUL. Kept, not copied.</param>
    /// <param name="chunk">A data chunk that holds the value alone.</param>
    /// <param name="length">Length of the value, which is the chunk's plain length.</param>
    public ExtendedAttribute(ReadOnlyMemory<byte> name, ChunkId chunk, int length)
    {
        Name = name;
        Chunk = chunk;
        Length = length;
    }

    /// <summary>The full name with its namespace.</summary>
    public ReadOnlyMemory<byte> Name { get; }

    /// <summary>The value; empty when <see cref="Chunk"/> is set.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>The data chunk that holds the value, or null when <see cref="Value"/> does.</summary>
    public ChunkId? Chunk { get; }

    /// <summary>Length of the value in bytes, wherever it is.</summary>
    public int Length { get; }
}
