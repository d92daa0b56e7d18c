namespace NodeAgent.Cli.Machine;

/// <summary>Where this machine remembers which packs of a repository it has verified.</summary>
internal static class CheckCache
{
    /// <summary><c>$XDG_CACHE_HOME/nodeagent/&lt;repository id&gt;/check</c>, or below <c>~/.cache</c>; null when there is no home.</summary>
    public static string? PathOf(string repositoryId)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache) || !Path.IsPathRooted(cache))
        {
            var home = Environment.GetEnvironmentVariable("HOME");
            if (string.IsNullOrEmpty(home) || !Directory.Exists(home)) return null;
            cache = Path.Combine(home, ".cache");
        }

        return Path.Combine(cache, "nodeagent", repositoryId, "check");
    }
}
