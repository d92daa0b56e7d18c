using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Text;

/// <summary>Columns parted by spaces, as kubectl prints them: readable for people, and awk and cut still work.</summary>
internal sealed class TextTable(params string[] header)
{
    private const int Gap = 3;
    private readonly List<string[]> _rows = [];
    private readonly HashSet<int> _rightAligned = [];

    public int Count => _rows.Count;

    public TextTable AlignRight(params ReadOnlySpan<int> columns)
    {
        foreach (var column in columns)
            _rightAligned.Add(column);
        return this;
    }

    public void Add(params string[] cells) => _rows.Add(cells);

    public void WriteTo(TextWriter writer)
    {
        string[][] lines = header.Length == 0 ? [.. _rows] : [header, .. _rows];
        if (lines.Length == 0)
            return;
        var widths = new int[lines.Max(line => line.Length)];
        foreach (var line in lines)
        {
            for (var i = 0; i < line.Length; i++)
                widths[i] = Math.Max(widths[i], DisplayText.Width(line[i]));
        }

        foreach (var line in lines)
        {
            var last = line.Length - 1;
            // Trailing blanks would wrap on a narrow terminal, and nobody sees them.
            while (last > 0 && line[last].Length == 0)
                last--;
            for (var i = 0; i <= last; i++)
            {
                var padding = widths[i] - DisplayText.Width(line[i]);
                if (_rightAligned.Contains(i))
                    WriteSpaces(writer, padding);
                writer.Write(line[i]);
                if (i < last)
                    WriteSpaces(writer, Gap + (_rightAligned.Contains(i) ? 0 : padding));
            }

            writer.WriteLine();
        }
    }

    private static void WriteSpaces(TextWriter writer, int count)
    {
        for (var i = 0; i < count; i++)
            writer.Write(' ');
    }
}
