using System.CommandLine;
using System.Text.RegularExpressions;
using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>Velero's commands and flags are there, and docs/velero-compatibility.md says of each what becomes of it.</summary>
public sealed partial class VeleroCommandTreeTests
{
    private static readonly RootCommand Root = NodeAgentCommand.Create();

    [Theory]
    [MemberData(nameof(VeleroCommands.All), MemberType = typeof(VeleroCommands))]
    public void A_command_of_Velero_is_there_in_each_form_with_every_flag(string command, string otherForms, string flags)
    {
        string[] forms = [command, .. otherForms.Split('|', StringSplitOptions.RemoveEmptyEntries)];
        foreach (var form in forms)
        {
            var known = FlagsOf(form);
            Assert.Empty($"{flags} {VeleroCommands.Shared}".Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(flag => !known.Contains(flag)).Select(flag => $"{form} {flag}"));
        }
    }

    [Fact]
    public void Commands_without_a_cluster_are_there_and_those_that_are_missing_are_known_to_be()
    {
        foreach (var command in VeleroCommands.WithoutCluster)
            Assert.NotNull(Find(command));
        Assert.All(VeleroCommands.Missing, command => Assert.Null(Find(command)));
    }

    [Fact]
    public void Every_command_has_a_row_with_its_flags_and_what_becomes_of_them()
    {
        var rows = Rows("## Commands");
        var documented = rows.ToDictionary(row => FirstCode(row[0]), row => row);
        var expected = VeleroCommands.All.Select(row => (string)row.Data.Item1).Concat(VeleroCommands.WithoutCluster).Concat(VeleroCommands.Missing);
        Assert.Empty(expected.Except(documented.Keys));
        foreach (var (command, otherForms, flags) in VeleroCommands.All.Select(row => row.Data))
        {
            var row = documented[command];
            Assert.Equal(otherForms.Split('|', StringSplitOptions.RemoveEmptyEntries), Codes(row[0]).Skip(1));
            var standing = row[1].Contains("those of backup create", StringComparison.Ordinal) ? Codes(documented["backup create"][1]).Where(flag => flag is not ("--wait" or "-w" or "--from-schedule")) : [];
            Assert.Equal(
                flags.Split(' ', StringSplitOptions.RemoveEmptyEntries).Except(OutputFlags).Distinct().Order(StringComparer.Ordinal),
                Codes(row[1]).Where(code => code.StartsWith('-')).Concat(standing).Except(OutputFlags).Distinct().Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Every_row_of_the_page_names_a_test_that_exists_or_says_why_it_does_not_work_yet()
    {
        var names = TestNames();
        var problems = new List<string>();
        foreach (var (line, cells) in AllRows())
        {
            var named = TestName().Matches(cells[^1]).Select(match => match.Value).ToList();
            if (named.Count == 0 && !NotYet().IsMatch(cells[^1])) problems.Add($"line {line}, {cells[0]}: names no test and no reason (\"not yet: ...\")");
            problems.AddRange(named.Where(name => !names.Contains(name)).Select(name => $"line {line}, {cells[0]}: there is no test {name}"));
        }

        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    [Fact]
    public void Tests_that_the_text_between_the_tables_names_exist()
    {
        var names = TestNames();
        Assert.All(File.ReadLines(Page).Where(line => !line.StartsWith('|')).SelectMany(line => TestName().Matches(line)), name => Assert.Contains(name.Value, names));
    }

    [Fact]
    public void Every_flag_of_Veleros_server_is_there_or_has_a_reason()
    {
        var known = FlagsOf("server");
        var rows = Rows("## Flags of `nodeagent controller`");
        foreach (var flag in VeleroCommands.ServerFlags)
        {
            var row = Assert.Single(rows, row => Codes(row[0]).Contains(flag));
            Assert.True(known.Contains(flag) != row[1].StartsWith("not yet: ", StringComparison.Ordinal), $"{flag}: {row[1]}");
        }
    }

    private static readonly string[] OutputFlags = ["-o", "--output", "-L", "--label-columns", "--show-labels"];

    private static HashSet<string> FlagsOf(string path)
    {
        var flags = new HashSet<string>(StringComparer.Ordinal);
        Command command = Root;
        Add(command);
        foreach (var name in path.Split(' '))
        {
            command = Assert.Single(command.Subcommands, c => c.Name == name || c.Aliases.Contains(name));
            Add(command);
        }

        return flags;

        void Add(Command level)
        {
            foreach (var option in level.Options)
                flags.UnionWith([option.Name, .. option.Aliases]);
        }
    }

    private static Command? Find(string path)
    {
        Command? command = Root;
        foreach (var name in path.Split(' '))
            command = command?.Subcommands.FirstOrDefault(c => c.Name == name || c.Aliases.Contains(name));
        return command;
    }

    private static string Page => Path.Combine(Checkout.Root, "docs", "velero-compatibility.md");

    /// <summary>What methods and classes of tests are called.</summary>
    private static HashSet<string> TestNames() =>
        [.. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests"), "*.cs", SearchOption.AllDirectories).SelectMany(file => Declared().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value)];

    /// <summary>The rows of all tables of the page without their heads, with the number of the line.</summary>
    private static IEnumerable<(int Line, string[] Cells)> AllRows()
    {
        var lines = File.ReadAllLines(Page);
        for (var i = 1; i < lines.Length; i++)
        {
            var isHead = i + 1 < lines.Length && lines[i + 1].StartsWith("| ---", StringComparison.Ordinal);
            if (lines[i].StartsWith('|') && !lines[i].StartsWith("| ---", StringComparison.Ordinal) && !isHead) yield return (i + 1, lines[i].Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries));
        }
    }

    /// <summary>The cells of the table below a heading, without its head.</summary>
    private static List<string[]> Rows(string heading)
    {
        var lines = File.ReadAllLines(Page);
        var start = Array.IndexOf(lines, heading);
        Assert.True(start >= 0, $"no heading {heading}");
        return
        [
            .. lines.Skip(start + 1).SkipWhile(line => !line.StartsWith('|')).Skip(2).TakeWhile(line => line.StartsWith('|'))
                .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries)),
        ];
    }

    private static string FirstCode(string cell) => Codes(cell)[0];

    private static string[] Codes(string cell) => [.. Code().Matches(cell).Select(match => match.Groups[1].Value)];

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex("\\bnot yet: \\S")]
    private static partial Regex NotYet();

    /// <summary>A method without a result or that awaits, or a class.</summary>
    [GeneratedRegex("\\b(?:void|Task|class) ([A-Z][A-Za-z0-9_]*)")]
    private static partial Regex Declared();

    /// <summary>A sentence with underscores, as the names of tests are, or the name of a class of them. No variable of an environment.</summary>
    [GeneratedRegex("\\b[A-Z][a-z0-9]*(_[A-Za-z0-9]+){2,}|\\b[A-Z][A-Za-z0-9]+(Tests|Conformance)\\b")]
    private static partial Regex TestName();
}
