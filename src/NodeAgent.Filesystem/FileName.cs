using System.Globalization;
using System.Text;

namespace NodeAgent.Filesystem;

/// <summary>File names are bytes. This makes text of them, for people only: it cannot be turned back.</summary>
public static class FileName
{
    /// <summary>Printable text: what is not UTF-8, and control characters, as \xNN.</summary>
    public static string ToText(ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder(name.Length);
        while (!name.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(name, out var rune, out var consumed);
            if (status == System.Buffers.OperationStatus.Done && !Rune.IsControl(rune)) text.Append(rune.ToString());
            else
            {
                foreach (var b in name[..consumed]) text.Append(CultureInfo.InvariantCulture, $"\\x{b:x2}");
            }

            name = name[consumed..];
        }

        return text.ToString();
    }
}
