using NodeAgent.Cli.Invocation;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Cli.Machine;

/// <summary>How people say what tells groups of snapshots apart.</summary>
internal static class GroupingOptions
{
    private static readonly char[] Separators = [',', '/'];

    /// <exception cref="UsageException">A key is not known.</exception>
    public static GroupKey Parse(string text)
    {
        var keys = GroupKey.None;
        foreach (var key in text.Split(Separators, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            keys |= key.ToLowerInvariant() switch
            {
                "host" => GroupKey.Host,
                "namespace" => GroupKey.Namespace,
                "volume" or "pvc" => GroupKey.Volume,
                "path" or "paths" => GroupKey.Path,
                "tag" or "tags" => GroupKey.Tags,
                _ => throw new UsageException($"--group-by {text}: {key} is not known (give host, namespace, volume, path or tags, or \"\" for one group)"),
            };
        }

        return keys;
    }
}
