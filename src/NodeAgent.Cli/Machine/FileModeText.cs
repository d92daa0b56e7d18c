namespace NodeAgent.Cli.Machine;

/// <summary>A mode as ls prints it: -rwsr-xr-t.</summary>
internal static class FileModeText
{
    public static string Format(char type, uint mode)
    {
        Span<char> text = stackalloc char[10];
        text[0] = type;
        for (var bit = 0; bit < 9; bit++)
            text[bit + 1] = (mode & (1u << (8 - bit))) != 0 ? "rwx"[bit % 3] : '-';
        Special(text, 3, (mode & 0x800) != 0, 's');
        Special(text, 6, (mode & 0x400) != 0, 's');
        Special(text, 9, (mode & 0x200) != 0, 't');
        return new string(text);
    }

    /// <summary>Set-uid, set-gid and sticky stand in the place of x; a capital letter says that x itself is not set.</summary>
    private static void Special(Span<char> text, int at, bool isSet, char letter)
    {
        if (isSet)
            text[at] = text[at] == 'x' ? letter : char.ToUpperInvariant(letter);
    }
}
