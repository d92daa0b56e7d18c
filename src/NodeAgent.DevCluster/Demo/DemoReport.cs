using Spectre.Console;

namespace NodeAgent.DevCluster.Demo;

/// <summary>The table at the end of the demo: one row for each backup and restore.</summary>
internal sealed class DemoReport
{
    private readonly List<(string What, long Files, long Bytes, long? NewBytes, long? StoredBytes, double Seconds)> _rows = [];

    /// <summary>Adds a row. Bytes are those of the volume; new bytes were not in the repository before; stored bytes is what the repository grew by.</summary>
    public void Add(string what, TreeFingerprint tree, long? newBytes, long? storedBytes, TimeSpan took) =>
        _rows.Add((what, tree.Files, tree.Bytes, newBytes, storedBytes, took.TotalSeconds));

    public void Print()
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("");
        foreach (var column in (string[])["files", "bytes", "new bytes", "stored bytes", "seconds", "MB/s"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var row in _rows)
        {
            table.AddRow(row.What, Text($"{row.Files:N0}"), Text($"{row.Bytes:N0}"), OrDash(row.NewBytes),
                OrDash(row.StoredBytes), Text($"{row.Seconds:F1}"), Text($"{row.Bytes / 1e6 / row.Seconds:F0}"));
        }

        // Fixed width off a terminal: a log must not wrap the table at 80 columns.
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 120;
        AnsiConsole.Write(table);
    }

    private static string OrDash(long? value) => value is { } number ? Text($"{number:N0}") : "-";

    private static string Text(FormattableString value) => FormattableString.Invariant(value);
}
