using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Which part of a snapshot is restored: paths, and patterns within them.</summary>
internal sealed class RestoreSelection
{
    private readonly PathPatterns[] _includes;
    private readonly PathPatterns[] _excludes;
    private readonly byte[][] _paths;

    public RestoreSelection(RestoreRequest request)
    {
        _includes = NotEmpty(new PathPatterns(request.Includes), new PathPatterns(request.IncludesIgnoringCase, ignoreCase: true));
        _excludes = NotEmpty(new PathPatterns(request.Excludes), new PathPatterns(request.ExcludesIgnoringCase, ignoreCase: true));
        _paths = [.. request.Paths.Select(Normalize)];
        // The root is everything.
        if (Array.Exists(_paths, path => path.Length == 0)) _paths = [];
        Top = new Scope(_paths.Length == 0, _includes.Length == 0);
    }

    /// <summary>What holds for everything in a directory.</summary>
    /// <param name="InPath">It is one of the paths that are wanted, or below one.</param>
    /// <param name="Included">A pattern includes it, or something that it is in.</param>
    public readonly record struct Scope(bool InPath, bool Included)
    {
        /// <summary>It is to be restored.</summary>
        public bool IsWanted => InPath && Included;
    }

    /// <summary>That of the root.</summary>
    public Scope Top { get; }

    /// <summary>The scope of something in a directory; null for what is left out with all that is in it.</summary>
    public Scope? Enter(Scope directory, TreePath path, TreeEntryType type)
    {
        if (Array.Exists(_excludes, patterns => patterns.Matches(path))) return null;
        var scope = directory;
        if (!scope.InPath)
        {
            var bytes = path.ToBytes();
            scope = scope with { InPath = Array.Exists(_paths, wanted => IsAtOrBelow(bytes, wanted)) };
            // On the way to a path directories are gone through, and made when what is wanted is there.
            if (!scope.InPath && !(type == TreeEntryType.Directory && Array.Exists(_paths, wanted => IsAtOrBelow(wanted, bytes)))) return null;
        }

        // What is outside the paths includes nothing: the pattern would hold for what is below it.
        if (!scope.Included && scope.InPath && Array.Exists(_includes, patterns => patterns.Matches(path))) scope = scope with { Included = true };
        return scope.IsWanted || type == TreeEntryType.Directory ? scope : null;
    }

    private static bool IsAtOrBelow(byte[] path, byte[] directory) =>
        path.AsSpan().StartsWith(directory) && (path.Length == directory.Length || path[directory.Length] == (byte)'/');

    /// <summary>Without the empty names and dots that <see cref="TreeReader.FindPathAsync"/> passes over too.</summary>
    private static byte[] Normalize(ReadOnlyMemory<byte> path)
    {
        var normal = new List<byte>(path.Length);
        foreach (var range in path.Span.Split((byte)'/'))
        {
            var name = path.Span[range];
            if (name.IsEmpty || name.SequenceEqual("."u8)) continue;
            if (normal.Count > 0) normal.Add((byte)'/');
            normal.AddRange(name);
        }

        return [.. normal];
    }

    private static PathPatterns[] NotEmpty(params PathPatterns[] patterns) => [.. patterns.Where(some => !some.IsEmpty)];
}
