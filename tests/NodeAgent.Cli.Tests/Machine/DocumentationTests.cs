using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>docs/cli.md says of the verbs for plain machines what they say themselves.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string[] Verbs =
    [
        "repo init",
        "repo info",
        "repo check",
        "repo stats",
        "repo rebuild-index",
        "repo repair index",
        "repo repair packs",
        "repo repair snapshots",
        "repo recover",
        "repo copy",
        "repo key list",
        "repo key add",
        "repo key remove",
        "repo key rotate",
        "repo key passwd",
        "repo migrate",
        "repo prune",
        "repo parity on",
        "repo parity off",
        "repo parity update",
        "repo parity status",
        "snapshot create",
        "snapshot list",
        "snapshot ls",
        "snapshot restore",
        "snapshot dump",
        "snapshot diff",
        "snapshot find",
        "snapshot forget",
        "snapshot unforget",
    ];

    [Fact]
    public async Task Every_flag_of_every_verb_is_documented_and_every_documented_flag_exists()
    {
        var document = Section("## A plain machine", "## A cluster");
        var table = Rows(document, "| Command | Does | Flags |");
        Assert.Equal(Verbs, table.Select(row => string.Join(' ', VerbOf(row[0]))));
        var shared = Flags(string.Join('\n', Rows(document, "| Flag | Variable | |").Concat(Rows(document, "| Flag | |")).Concat(Rows(document, "| S3 flag | Variable | |")).Select(row => row[0])));
        foreach (var row in table)
        {
            var verb = VerbOf(row[0]);
            var help = (await NodeAgentProcess.RunAsync([.. verb, "--help"])).Expect(0).Output;

            var existing = Flags(OptionColumns(help)).Where(flag => flag is not ("-?" or "-h" or "--help"));

            Assert.Equal(existing.Order(StringComparer.Ordinal), shared.Concat(Flags(row[2])).Order(StringComparer.Ordinal));
            // Choices are those that the verb takes.
            foreach (Match choice in Choices().Matches(help))
                Assert.Contains(choice.Groups[1].Value.Replace("|", "\\|", StringComparison.Ordinal), document, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Output_of_every_verb_has_the_documented_fields_and_no_others()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "x"u8.ToArray());
        machine.Shell("ln -s file source/link; mkfifo source/pipe");
        var rows = Rows(Section("### JSON", "## A cluster"), "| Command | Value | Fields |");
        var seen = new List<string>();
        foreach (var row in rows)
        {
            var verb = row[0].Trim('`');
            seen.Add(string.Join(' ', VerbOf(row[0])));
            var node = verb switch
            {
                "repo init" => MachineRepository.Parse((await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["new"], "--generate-key", machine.Files["new key"], "-o", "json")).Expect(0)),
                "repo key add" => await machine.JsonAsync("repo", "key", "add", "--generate-key", machine.Files["added key"]),
                "repo key remove" => await machine.JsonAsync("repo", "key", "remove", (string)(await machine.JsonAsync("repo", "key", "list")).AsArray().Single(key => !(bool)key!["inUse"]!)!["id"]!),
                "repo key passwd" => await ChangeKeyAsync(machine),
                "repo copy" => await CopyAsync(machine),
                "snapshot create" => await machine.JsonAsync("snapshot", "create", machine.Source),
                "snapshot ls" => await machine.JsonAsync("snapshot", "ls", "latest"),
                "snapshot restore" => await machine.JsonAsync("snapshot", "restore", "latest", "--target", machine.Target),
                "snapshot forget" => await machine.JsonAsync("snapshot", "forget", "latest"),
                "snapshot unforget" => await machine.JsonAsync("snapshot", "unforget", (string)(await machine.JsonAsync("snapshot", "list", "--forgotten"))[0]!["id"]!),
                "snapshot find" => await machine.JsonAsync("snapshot", "find", "file"),
                "snapshot diff" => await FirstDifferenceAsync(machine),
                _ => await machine.JsonAsync(verb.Split(' ')),
            };
            Assert.Equal(row[1] == "lines" ? "object" : row[1], node is JsonArray ? "array" : "object");
            var item = (node is JsonArray array ? array[0]! : node).AsObject();
            // In brackets: fields of fields. After a semicolon: fields that not every entry has.
            var documented = Backticked(Bracketed().Replace(row[2].Split(';')[0], ""));
            Assert.Equal(documented, item.Select(field => field.Key));
            foreach (Match nested in Nested().Matches(row[2]))
            {
                var field = item[nested.Groups[1].Value]!;
                if (field is JsonObject inner) Assert.Equal(Backticked(nested.Groups[2].Value), inner.Select(f => f.Key));
            }
        }

        // A verb that prints different things has several rows.
        Assert.Equal(Verbs.Where(verb => verb != "snapshot dump").Order(StringComparer.Ordinal), seen.Distinct().Order(StringComparer.Ordinal));
        (await machine.RunAsync("snapshot", "list", "-o", "yaml")).ExpectError(2, "--output yaml", "text or json");
    }

    private static async Task<JsonNode> FirstDifferenceAsync(MachineRepository machine)
    {
        var before = await machine.BackUpAsync();
        machine.Put("more", "y"u8.ToArray());
        var after = await machine.BackUpAsync();
        return JsonNode.Parse((await machine.RunAsync("snapshot", "diff", before, after, "-o", "json")).Expect(0).Output.Split('\n')[0])!;
    }

    private static async Task<JsonNode> CopyAsync(MachineRepository machine)
    {
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["copies"], "--generate-key", machine.Files["copies key"])).Expect(0);
        return MachineRepository.Parse((await NodeAgentProcess.RunAsync(
            "repo", "copy", "--repo", machine.Files["copies"], "--key-file", machine.Files["copies key"], "--from-repo", machine.Path, "--from-key-file", machine.KeyFile, "-o", "json")).Expect(0));
    }

    /// <summary>The words that come before arguments and flags.</summary>
    private static string[] VerbOf(string cell) => [.. cell.Trim('`').Split(' ').TakeWhile(word => char.IsAsciiLetterLower(word[0]))];

    /// <summary>Changes the key, and changes it back so that the others can go on.</summary>
    private static async Task<JsonNode> ChangeKeyAsync(MachineRepository machine)
    {
        var other = machine.Files.Write("other key", new string('a', 64));
        var changed = await machine.JsonAsync("repo", "key", "passwd", "--new-key-file", other);
        (await NodeAgentProcess.RunAsync("repo", "key", "passwd", "--repo", machine.Path, "--key-file", other, "--new-key-file", machine.KeyFile)).Expect(0);
        return changed;
    }

    private static string Section(string from, string to)
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "cli.md"));
        var start = text.IndexOf(from, StringComparison.Ordinal);
        return text[start..text.IndexOf(to, start, StringComparison.Ordinal)];
    }

    private static List<string[]> Rows(string text, string heading) =>
        [.. text[text.IndexOf(heading + "\n", StringComparison.Ordinal)..].Split('\n').Skip(2).TakeWhile(line => line.StartsWith('|'))
            .Select(line => Columns().Split(line).Select(column => column.Trim()).ToArray()[1..^1])];

    /// <summary>Of the lines of --help, the part before the description.</summary>
    private static string OptionColumns(string help) =>
        string.Join('\n', help[help.IndexOf("Usage:", StringComparison.Ordinal)..].Split('\n').Where(line => line.StartsWith("  -", StringComparison.Ordinal)).Select(line => Gap().Split(line.Trim())[0]));

    private static List<string> Flags(string text) => [.. Flag().Matches(text).Select(match => match.Groups[1].Value)];

    private static List<string> Backticked(string text) => [.. Quoted().Matches(text).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Columns();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Gap();

    [GeneratedRegex(@"(?<![\w-])(--[a-z][a-z0-9-]*|-[a-zA-Z?])(?![\w-])")]
    private static partial Regex Flag();

    [GeneratedRegex(@"--[a-z-]+ <([a-z]+(?:\|[a-z]+)+)>")]
    private static partial Regex Choices();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\([^)]*\)")]
    private static partial Regex Bracketed();

    [GeneratedRegex(@"`([^`]+)` \(with ([^)]*)\)")]
    private static partial Regex Nested();
}
