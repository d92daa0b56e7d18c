using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>Which resources a verb is for: exactly one of names, --all and --selector.</summary>
internal static class SelectionOptions
{
    public static readonly Argument<string[]> Names = new("NAME") { Description = "Names", Arity = ArgumentArity.ZeroOrMore };
    public static readonly Option<bool> All = Flags.Switch("--all", "All of them");
    public static readonly Option<string> Selector = Flags.Text("--selector", "Only those with matching labels", "selector", "-l");
    public static readonly Option<bool> Confirm = Flags.Switch("--confirm", "Do not ask before deleting");

    public static async Task<IReadOnlyList<JsonObject>> ResolveAsync(ParseResult parse, ClusterSession cluster, VeleroKind kind, CancellationToken cancellationToken)
    {
        var names = parse.GetValue(Names) ?? [];
        var (all, selector) = (parse.GetValue(All), parse.GetValue(Selector) ?? "");
        if ((names.Length > 0 ? 1 : 0) + (all ? 1 : 0) + (selector.Length > 0 ? 1 : 0) != 1)
            throw new UsageException($"which {kind.Nouns}: give exactly one of names, --all and --selector");
        return names.Length > 0
            ? await cluster.GetManyAsync(kind, names, cancellationToken)
            : await cluster.ListAsync(kind, selector, cancellationToken);
    }

    /// <summary>Asks on the terminal unless --confirm was given. Without a terminal there is nobody to ask, so nothing is deleted.</summary>
    public static bool Confirmed(ParseResult parse, string question) => parse.GetValue(Confirm) || Confirmed(question, Confirm.Name);

    /// <summary>Asks on the terminal.</summary>
    /// <param name="question">What.</param>
    /// <param name="flag">The flag that says yes.</param>
    /// <exception cref="UsageException">There is nobody to ask.</exception>
    public static bool Confirmed(string question, string flag)
    {
        if (!StandardStreams.InputIsTerminal)
            throw new UsageException($"{question} Nobody can be asked, since standard input is no terminal (give {flag})");
        StandardStreams.Error.Write($"{DisplayText.OneLine(question)} (y/N) ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }
}
