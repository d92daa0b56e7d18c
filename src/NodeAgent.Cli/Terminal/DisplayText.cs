using System.Globalization;
using System.Text;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// File names and other foreign text made safe for a terminal. A name with nothing unprintable stays as it is; any other
/// becomes a shell's $'…' word, which shows every byte and can be pasted back into bash.
/// </summary>
internal static class DisplayText
{
    /// <summary>The name as people see it. Lossless: what is in $'…' decodes to exactly these bytes.</summary>
    public static string Name(ReadOnlySpan<byte> name)
    {
        if (IsPlain(name))
            return Encoding.UTF8.GetString(name);
        var text = new StringBuilder(name.Length + 8).Append("$'");
        while (!name.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(name, out var rune, out var used);
            if (status != System.Buffers.OperationStatus.Done || !IsPrintable(rune))
            {
                foreach (var value in name[..used])
                    AppendEscaped(text, value);
            }
            else if (rune.Value is '\'' or '\\')
            {
                text.Append('\\').Append((char)rune.Value);
            }
            else
            {
                text.Append(rune.ToString());
            }

            name = name[used..];
        }

        return text.Append('\'').ToString();
    }

    public static string Name(string name) => IsPlain(name) ? name : Name(Encoding.UTF8.GetBytes(name));

    /// <summary>Text of a message on one line: control characters become visible escapes, and nothing else changes.</summary>
    public static string OneLine(string text)
    {
        if (IsPlain(text))
            return text;
        var line = new StringBuilder(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsPrintable(rune))
                line.Append(rune.ToString());
            else if (rune.Value is '\n' or '\r')
                line.Append("; ");
            else
                line.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
        }

        return line.Replace("; ; ", "; ").ToString().TrimEnd(';', ' ');
    }

    /// <summary>Shortens a path from the left to at most so many columns, since its end tells files apart.</summary>
    public static string FitLeft(string text, int columns)
    {
        if (Width(text) <= columns)
            return text;
        if (columns <= 1)
            return "";
        var start = text.Length;
        var width = 1;
        while (start > 0)
        {
            var step = start > 1 && char.IsLowSurrogate(text[start - 1]) ? 2 : 1;
            width += Width(text.AsSpan(start - step, step));
            if (width > columns)
                break;
            start -= step;
        }

        return string.Concat("…", text.AsSpan(start));
    }

    /// <summary>Shortens a text from the right to at most so many columns.</summary>
    public static string FitRight(string text, int columns)
    {
        if (Width(text) <= columns)
            return text;
        if (columns <= 1)
            return columns == 1 ? "…" : "";
        var end = 0;
        var width = 1;
        while (true)
        {
            var step = char.IsHighSurrogate(text[end]) && end + 1 < text.Length ? 2 : 1;
            width += Width(text.AsSpan(end, step));
            if (width > columns)
                return string.Concat(text.AsSpan(0, end), "…");
            end += step;
        }
    }

    /// <summary>Columns that the text takes on a terminal.</summary>
    public static int Width(ReadOnlySpan<char> text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            width += Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
                ? 0
                : IsWide(rune.Value) ? 2 : 1;
        }

        return width;
    }

    private static bool IsPlain(ReadOnlySpan<byte> name)
    {
        while (!name.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(name, out var rune, out var used) != System.Buffers.OperationStatus.Done || !IsPrintable(rune))
                return false;
            name = name[used..];
        }

        return true;
    }

    private static bool IsPlain(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var used) != System.Buffers.OperationStatus.Done || !IsPrintable(rune))
                return false;
            i += used;
        }

        return true;
    }

    /// <summary>Format characters are left out too: a right-to-left override can make one name look like another.</summary>
    private static bool IsPrintable(Rune rune) => rune.Value is >= 0x20 and < 0x7f
        || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned);

    private static void AppendEscaped(StringBuilder text, byte value) => _ = value switch
    {
        (byte)'\n' => text.Append("\\n"),
        (byte)'\r' => text.Append("\\r"),
        (byte)'\t' => text.Append("\\t"),
        // Three octal digits, because \x takes as many hex digits as follow in some shells.
        _ => text.Append('\\').Append(Convert.ToString(value, 8).PadLeft(3, '0')),
    };

    /// <summary>The East Asian wide and emoji blocks; narrow ambiguities inside them do not matter for a progress line.</summary>
    private static bool IsWide(int value) => value is (>= 0x1100 and <= 0x115f) or (>= 0x2e80 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3)
        or (>= 0xf900 and <= 0xfaff) or (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6)
        or (>= 0x1f300 and <= 0x1faff) or (>= 0x20000 and <= 0x3fffd);
}
