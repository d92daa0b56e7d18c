namespace NodeAgent.Cli.CommandLine;

/// <summary>Finds what a mistyped word was meant to be.</summary>
internal static class Suggestion
{
    /// <summary>More than these leave the choice to chance.</summary>
    private const int Most = 3;

    /// <summary>The names that are nearest to the word, in their order; none when none is near, so that nonsense gets no answer.</summary>
    public static IReadOnlyList<string> For(string word, IEnumerable<string> names)
    {
        var near = names.Distinct().Select(name => (Name: name, Distance: Distance(word, name))).Where(n => n.Distance <= Limit(word)).ToList();
        if (near.Count == 0) return [];
        var least = near.Min(n => n.Distance);
        return [.. near.Where(n => n.Distance == least).Select(n => n.Name).Take(Most)];
    }

    /// <summary>" (did you mean "a" or "b"?)", or nothing.</summary>
    public static string Ask(IReadOnlyList<string> names) =>
        names.Count == 0 ? "" : $" (did you mean {string.Join(" or ", names.Select(name => $"\"{name}\""))}?)";

    /// <summary>About one slip in three letters: any word of two is near to any other.</summary>
    private static int Limit(string word) => word.Length switch { < 3 => 0, < 5 => 1, < 9 => 2, _ => 3 };

    /// <summary>Letters to add, leave out, change or swap with their neighbour, whatever their case.</summary>
    internal static int Distance(string from, string to)
    {
        // Rows of the usual table; only the last two are looked at again.
        var (before, last, row) = (new int[to.Length + 1], new int[to.Length + 1], new int[to.Length + 1]);
        for (var j = 0; j <= to.Length; j++) last[j] = j;
        for (var i = 1; i <= from.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                row[j] = Math.Min(Math.Min(row[j - 1], last[j]) + 1, last[j - 1] + (IsSame(from[i - 1], to[j - 1]) ? 0 : 1));
                if (i > 1 && j > 1 && IsSame(from[i - 1], to[j - 2]) && IsSame(from[i - 2], to[j - 1])) row[j] = Math.Min(row[j], before[j - 2] + 1);
            }

            (before, last, row) = (last, row, before);
        }

        return last[to.Length];
    }

    private static bool IsSame(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
