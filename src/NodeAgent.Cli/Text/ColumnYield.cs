namespace NodeAgent.Cli.Text;

/// <summary>How a column of a table makes room on a terminal that is too narrow for all.</summary>
/// <param name="Column">Its place, from 0.</param>
/// <param name="Min">How narrow its text may be cut; 0 for a column that is not cut.</param>
internal readonly record struct ColumnYield(int Column, int Min)
{
    /// <summary>The end of its text tells more than the beginning, as with paths.</summary>
    public bool KeepsEnd { get; init; }

    /// <summary>It is never left out.</summary>
    public bool Stays { get; init; }
}
