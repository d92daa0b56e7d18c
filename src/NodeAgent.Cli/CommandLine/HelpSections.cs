using System.Text;

namespace NodeAgent.Cli.CommandLine;

/// <summary>Parts the flags of a help text, so that the few of the verb itself are not lost among those that all verbs share.</summary>
internal static class HelpSections
{
    private const string Heading = "Options:";

    // Fewer are seen at a glance.
    private const int Few = 8;

    // The verbs of a plain machine have a flag of this name too, without the short one.
    private const string ServerNamespace = "-n, --namespace";

    private static readonly (string Title, Func<string, bool> Holds)[] Shared =
    [
        ("Repository:", static flag => flag is "--repo" or "--key-file" or "--password-file"),
        ("Repository in S3:", static flag => flag.StartsWith("--s3-", StringComparison.Ordinal)),
        ("Server:", static flag => flag is "--kubeconfig" or "--kubecontext" or ServerNamespace),
        ("General:", static flag => flag is "--output" or "--quiet" or "--progress" or "--help" or "--verbose" or "--label-columns" or "--show-labels"),
    ];

    /// <summary><paramref name="help"/> as the parser's library writes it, with its options under several headings. Nothing is added and nothing lost.</summary>
    public static string Part(string help)
    {
        var lines = help.ReplaceLineEndings("\n").Split('\n');
        var start = Array.IndexOf(lines, Heading) + 1;
        if (start == 0) return help;
        var end = Array.FindIndex(lines, start, static line => line.Length == 0);
        if (end < 0) end = lines.Length;
        if (end - start < Few) return help;

        var own = new List<string>();
        var shared = Shared.Select(static _ => new List<string>()).ToArray();
        var current = own;
        foreach (var line in lines.AsSpan(start, end - start))
        {
            // What is indented further goes on with the flag before it.
            if (line.StartsWith("  -", StringComparison.Ordinal))
                current = Array.FindIndex(Shared, section => section.Holds(LongName(line))) is >= 0 and var at ? shared[at] : own;
            current.Add(line);
        }

        var text = new StringBuilder();
        foreach (var line in lines.AsSpan(0, start - 1)) text.Append(line).Append('\n');
        Append(text, Heading, own);
        foreach (var ((title, _), flags) in Shared.Zip(shared)) Append(text, title, flags);
        return text.AppendJoin('\n', lines[Math.Min(end + 1, lines.Length)..]).ToString();
    }

    private static string LongName(string line) => line.Contains(ServerNamespace, StringComparison.Ordinal)
        ? ServerNamespace
        : line.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(static word => word.StartsWith("--", StringComparison.Ordinal)) ?? "";

    private static void Append(StringBuilder text, string title, List<string> flags)
    {
        if (flags.Count == 0) return;
        text.Append(title).Append('\n').AppendJoin('\n', flags).Append("\n\n");
    }
}
