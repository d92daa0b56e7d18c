using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Text;

/// <summary>
/// Columns parted by spaces, as kubectl prints them: readable for people, and awk and cut still work. On a terminal that is too narrow, columns that were
/// named for it are cut, or left out, so that each row stays one line; anywhere else all is printed.
/// </summary>
internal sealed class TextTable(params string[] header)
{
    private const int Gap = 3;
    private const int NarrowGap = 2;
    private readonly List<string[]> _rows = [];
    private readonly HashSet<int> _rightAligned = [];
    private readonly List<ColumnYield> _yields = [];

    public int Count => _rows.Count;

    public TextTable AlignRight(params ReadOnlySpan<int> columns)
    {
        foreach (var column in columns)
            _rightAligned.Add(column);
        return this;
    }

    /// <summary>Names the columns that make room, those that are missed least first.</summary>
    public TextTable Yielding(params ReadOnlySpan<ColumnYield> columns)
    {
        _yields.AddRange(columns);
        return this;
    }

    public void Add(params string[] cells) => _rows.Add(cells);

    public void WriteTo(TextWriter writer) =>
        WriteTo(writer, ReferenceEquals(writer, StandardStreams.Out) && StandardStreams.OutIsTerminal ? TerminalInterop.WidthOf(TerminalInterop.StandardOutput) : null);

    /// <param name="columns">The width of the terminal; null where it is none.</param>
    internal void WriteTo(TextWriter writer, int? columns)
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

        var shown = Enumerable.Range(0, widths.Length).ToList();
        var gap = columns is { } room && _yields.Count > 0 ? Fit(widths, shown, room) : Gap;
        foreach (var line in lines)
        {
            // Trailing blanks would wrap on a narrow terminal, and nobody sees them.
            var last = shown.FindLastIndex(i => i < line.Length && line[i].Length > 0);
            for (var at = 0; at <= Math.Max(last, 0); at++)
            {
                var i = shown[at];
                var cell = i >= line.Length ? "" : IsCutAtStart(i) ? DisplayText.FitLeft(line[i], widths[i]) : DisplayText.FitRight(line[i], widths[i]);
                var padding = widths[i] - DisplayText.Width(cell);
                if (_rightAligned.Contains(i))
                    WriteSpaces(writer, padding);
                writer.Write(cell);
                if (at < last)
                    WriteSpaces(writer, gap + (_rightAligned.Contains(i) ? 0 : padding));
            }

            writer.WriteLine();
        }
    }

    private bool IsCutAtStart(int column) => _yields.Exists(y => y.Column == column && y.KeepsEnd);

    /// <summary>
    /// Makes the table as narrow as the room, in this order: columns without any text go; the gaps shrink; columns are cut; and where cutting is not
    /// enough, columns go whole, after which the others are cut no more than they must. Returns the gap.
    /// </summary>
    private int Fit(int[] widths, List<int> shown, int room)
    {
        int Sum(int[] of, int gap) => shown.Sum(i => of[i]) + (gap * (shown.Count - 1));
        if (Sum(widths, Gap) <= room) return Gap;
        foreach (var y in _yields.Where(y => !y.Stays && _rows.TrueForAll(row => y.Column >= row.Length || row[y.Column].Length == 0))) shown.Remove(y.Column);
        if (Sum(widths, Gap) <= room) return Gap;

        var least = widths.ToArray();
        foreach (var y in _yields.Where(y => y.Min > 0)) least[y.Column] = Math.Min(widths[y.Column], y.Min);
        foreach (var y in _yields.Where(y => !y.Stays))
        {
            if (Sum(least, NarrowGap) <= room) break;
            shown.Remove(y.Column);
        }

        var excess = Sum(widths, NarrowGap) - room;
        foreach (var y in _yields.Where(y => shown.Contains(y.Column)))
        {
            var cut = Math.Clamp(excess, 0, widths[y.Column] - least[y.Column]);
            widths[y.Column] -= cut;
            excess -= cut;
        }

        return NarrowGap;
    }

    private static void WriteSpaces(TextWriter writer, int count)
    {
        for (var i = 0; i < count; i++)
            writer.Write(' ');
    }
}
