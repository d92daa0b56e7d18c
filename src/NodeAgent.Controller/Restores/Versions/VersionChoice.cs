namespace NodeAgent.Controller.Restores.Versions;

/// <summary>Chooses the API version of a type where a backup holds several.</summary>
internal static class VersionChoice
{
    /// <summary>
    /// The first that both sides know of: what the user wants, in that order; what the cluster prefers; what the backup's cluster preferred;
    /// the newest and most stable one. Without a common one it is what the backup's cluster preferred, which the cluster then refuses.
    /// </summary>
    public static string Choose(string sourcePreferred, IReadOnlyCollection<string> source, string? targetPreferred, IReadOnlyCollection<string> target, IReadOnlyList<string> wanted)
    {
        var common = source.Intersect(target).ToHashSet(StringComparer.Ordinal);
        return wanted.FirstOrDefault(common.Contains)
            ?? (targetPreferred is not null && common.Contains(targetPreferred) ? targetPreferred : null)
            ?? (common.Contains(sourcePreferred) ? sourcePreferred : null)
            ?? common.Order(KubernetesVersion.NewestFirst).FirstOrDefault()
            ?? sourcePreferred;
    }

    /// <summary>
    /// Reads the user's order out of lines such as <c>rockbands.music.example.io=v2beta1,v2beta2</c>. Lines that say nothing of the kind are
    /// answered as mistakes.
    /// </summary>
    public static (IReadOnlyDictionary<string, IReadOnlyList<string>> Wanted, IReadOnlyList<string> Mistakes) ReadPriorities(string text)
    {
        var wanted = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var mistakes = new List<string>();
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n').Select(l => l.Replace(" ", "", StringComparison.Ordinal)).Where(l => l.Length > 0))
        {
            var sides = line.Split('=');
            if (sides is [{ Length: > 0 } type, { Length: > 0 } versions]) wanted[type] = versions.Split(',', StringSplitOptions.RemoveEmptyEntries);
            else mistakes.Add(line);
        }

        return (wanted, mistakes);
    }
}
