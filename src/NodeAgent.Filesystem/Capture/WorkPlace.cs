namespace NodeAgent.Filesystem.Capture;

/// <summary>Work ahead of the walk, by where the walk comes to it.</summary>
/// <param name="Directory">The directory that it is in.</param>
/// <param name="Index">The place of a name there.</param>
/// <param name="Closed">A directory of that name, to be opened; null for the names from there on, to be looked at.</param>
internal readonly record struct WorkPlace(OpenedDirectory Directory, int Index, ClosedDirectory? Closed) : IComparable<WorkPlace>
{
    /// <summary>A directory to be opened.</summary>
    public static WorkPlace Of(ClosedDirectory directory) => new(directory.Above, directory.Index, directory);

    /// <summary>The names of a directory that nobody has asked for.</summary>
    public static WorkPlace Of(OpenedDirectory directory) => new(directory, directory.NextToSee * NameBatch.Length, null);

    /// <summary>Less than zero when the walk comes here first.</summary>
    public int CompareTo(WorkPlace other)
    {
        var (x, i) = (Directory, Index);
        var (y, j) = (other.Directory, other.Index);
        while (x.Path.Depth > y.Path.Depth) (x, i) = (x.Above!, x.Index);
        while (y.Path.Depth > x.Path.Depth) (y, j) = (y.Above!, y.Index);
        while (x != y) (x, i, y, j) = (x.Above!, x.Index, y.Above!, y.Index);
        // Names are looked at before a directory among them is opened, and what is in it comes after that.
        return (i, Directory.Path.Depth, Closed is null ? 0 : 1).CompareTo((j, other.Directory.Path.Depth, other.Closed is null ? 0 : 1));
    }
}
