namespace NodeAgent.Filesystem;

/// <summary>
/// The path of an entry from the root of its tree, as a name and what it is in. A path of its own for each of 4,096 directories
/// in one another, and for each entry in a queue, would take gigabytes; the bytes are put together when somebody wants them.
/// </summary>
internal sealed class TreePath
{
    private readonly TreePath? _parent;
    private readonly ReadOnlyMemory<byte> _name;

    private TreePath(TreePath? parent, ReadOnlyMemory<byte> name)
    {
        (_parent, _name) = (parent, name);
        if (parent is null) return;
        Depth = parent.Depth + 1;
        Length = parent.Depth == 0 ? name.Length : parent.Length + 1 + name.Length;
    }

    /// <summary>The root itself: no names at all.</summary>
    public static TreePath Root { get; } = new(null, default);

    /// <summary>How many names it has.</summary>
    public int Depth { get; }

    /// <summary>Bytes of the whole path.</summary>
    public int Length { get; }

    /// <summary>The last name; empty for the root.</summary>
    public ReadOnlySpan<byte> Name => _name.Span;

    /// <summary>The path of something in this directory. Keeps the name.</summary>
    public TreePath Below(ReadOnlyMemory<byte> name) => new(this, name);

    /// <summary>The names from the root on.</summary>
    public ReadOnlyMemory<byte>[] ToNames()
    {
        var names = new ReadOnlyMemory<byte>[Depth];
        for (var path = this; path._parent is not null; path = path._parent) names[path.Depth - 1] = path._name;
        return names;
    }

    /// <summary>The names with slashes between them.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[Length];
        var end = Length;
        for (var path = this; path._parent is not null; path = path._parent)
        {
            end -= path._name.Length;
            path._name.Span.CopyTo(bytes.AsSpan(end));
            if (end > 0) bytes[--end] = (byte)'/';
        }

        return bytes;
    }

    /// <summary>Text for people.</summary>
    public override string ToString() => FileName.ToText(ToBytes());
}
