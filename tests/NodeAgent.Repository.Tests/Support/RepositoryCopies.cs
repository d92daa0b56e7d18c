namespace NodeAgent.Repository.Tests.Support;

/// <summary>Copies of a repository's directory, each for one experiment, all removed at the end.</summary>
internal sealed class RepositoryCopies : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("nodeagent-copies-").FullName;
    private int _count;

    /// <summary>A new directory, empty or with the content of another.</summary>
    public string Take(string? original = null)
    {
        var copy = Path.Combine(_parent, (++_count).ToString("D4", System.Globalization.CultureInfo.InvariantCulture));
        Directory.CreateDirectory(copy);
        if (original is null) return copy;
        foreach (var file in Directory.EnumerateFiles(original, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(original, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    /// <summary>Frees the space of one that is done with.</summary>
    public static void Discard(string copy) => Directory.Delete(copy, recursive: true);

    public void Dispose() => Directory.Delete(_parent, recursive: true);
}
