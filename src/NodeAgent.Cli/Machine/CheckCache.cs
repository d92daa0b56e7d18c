using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Cli.Machine;

/// <summary>Where this machine remembers which packs of a repository it has verified.</summary>
internal static class CheckCache
{
    /// <summary>
    /// <c>$XDG_CACHE_HOME/nodeagent/&lt;repository id&gt;/check-&lt;place&gt;</c>, or below <c>~/.cache</c>; null when there is no home. A mirror of a
    /// repository has its id, and packs that are sound here say nothing of those there.
    /// </summary>
    public static string? PathOf(string repositoryId, string location)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache) || !Path.IsPathRooted(cache))
        {
            var home = Environment.GetEnvironmentVariable("HOME");
            if (string.IsNullOrEmpty(home) || !Directory.Exists(home)) return null;
            cache = Path.Combine(home, ".cache");
        }

        var place = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(location)).AsSpan(0, 8));
        return Path.Combine(cache, "nodeagent", repositoryId, $"check-{place}");
    }
}
