using System.Text;

namespace NodeAgent.Filesystem;

/// <summary>A file's name or path as bytes. Its text is for people: what is not printable UTF-8 is escaped.</summary>
/// <param name="Bytes">The bytes, without a terminating NUL.</param>
public readonly record struct FileName(ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The name of the UTF-8 text.</summary>
    public static FileName FromText(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>This path with a name below it.</summary>
    public FileName Append(ReadOnlySpan<byte> name)
    {
        if (Bytes.Length == 0)
            return new(name.ToArray());
        var slash = Bytes.Span[^1] == '/' ? 0 : 1;
        var joined = new byte[Bytes.Length + slash + name.Length];
        Bytes.Span.CopyTo(joined);
        joined[^(name.Length + 1)] = (byte)'/';
        name.CopyTo(joined.AsSpan(joined.Length - name.Length));
        return new(joined);
    }

    /// <inheritdoc/>
    public bool Equals(FileName other) => Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes.Span);
        return hash.ToHashCode();
    }

    /// <summary>The text with control characters and bytes that are not UTF-8 escaped as \xNN.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var rest = Bytes.Span; rest.Length > 0;)
        {
            var status = Rune.DecodeFromUtf8(rest, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done && !Rune.IsControl(rune) && rune.Value != '\\')
                text.Append(rune.ToString());
            else if (status == System.Buffers.OperationStatus.Done && rune.Value == '\\')
                text.Append(@"\\");
            else
                foreach (var value in rest[..length])
                    text.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\x{value:x2}");
            rest = rest[length..];
        }
        return text.ToString();
    }
}
