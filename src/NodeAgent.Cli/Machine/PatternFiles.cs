namespace NodeAgent.Cli.Machine;

/// <summary>Files with one pattern a line; empty lines and those that begin with # are nothing.</summary>
internal static class PatternFiles
{
    public static async Task<List<string>> ReadAsync(IEnumerable<string> files, CancellationToken cancellationToken)
    {
        var patterns = new List<string>();
        foreach (var file in files)
            patterns.AddRange((await File.ReadAllLinesAsync(file, cancellationToken)).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'));
        return patterns;
    }
}
