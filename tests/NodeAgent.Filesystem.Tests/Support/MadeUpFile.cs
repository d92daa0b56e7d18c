using System.Text;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A file of <see cref="MadeUpFileSystem"/>. What a test changes holds from the next question on.</summary>
/// <param name="name">Its name, which may be one that no other file system would have.</param>
/// <param name="mode">Type and permissions.</param>
internal sealed class MadeUpFile(byte[] name, uint mode)
{
    public const uint Regular = 0x81a4, Directory = 0x41ed, Link = 0xa1ff;

    public MadeUpFile(string name, uint mode = Regular)
        : this(Encoding.UTF8.GetBytes(name), mode)
    {
    }

    public byte[] Name => name;

    public uint Mode => mode;

    /// <summary>What it holds; of a link, where it leads.</summary>
    public byte[] Content { get; set; } = [];

    /// <summary>The size that it is said to have, where that is not the one of its content.</summary>
    public int? Size { get; init; }

    /// <summary>Whatever is read of it is there, and holds zeros. Takes a <see cref="Size"/>.</summary>
    public bool IsEndless { get; init; }

    /// <summary>In the order in which they are listed.</summary>
    public List<MadeUpFile> Files { get; init; } = [];

    /// <summary>Names, each with a zero after it, as listxattr gives them.</summary>
    public byte[] AttributeNames { get; set; } = [];

    /// <summary>The value of an attribute, or the errno.</summary>
    public Func<string, (byte[] Value, int Error)> Attribute { get; set; } = _ => ("value"u8.ToArray(), 0);

    /// <summary>What the question for the names is answered with when it is not 0.</summary>
    public int ListError { get; set; }

    /// <summary>What reading it is answered with when it is not 0.</summary>
    public int ReadError { get; init; }

    /// <summary>Bytes that were read of it.</summary>
    public long BytesRead { get; set; }
}
