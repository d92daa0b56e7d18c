using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>What a backup did, as a few lines or as one JSON object.</summary>
internal static class SnapshotSummary
{
    public static void PrintText(string id, SnapshotManifest manifest, TimeSpan elapsed)
    {
        var stats = manifest.Stats;
        var table = new TextTable();
        table.Add("files", Text($"{stats.Files:N0}: {stats.NewFiles:N0} new, {stats.ChangedFiles:N0} changed, {stats.UnchangedFiles:N0} unmodified"));
        table.Add("others", Text($"{Amount.Of(stats.Directories, "directory", "directories")}, {Amount.Of(stats.Symlinks, "symbolic link", "symbolic links")}, {Amount.Of(stats.Others, "special file", "special files")}"));
        table.Add("read", $"{ByteSize.Format(stats.Bytes)} in {ElapsedTime.Format(elapsed)}, {ByteSize.Format(stats.Bytes / Math.Max(elapsed.TotalSeconds, 0.001))}/s");
        table.Add("added", $"{ByteSize.Format(stats.NewBytes)}, stored as {ByteSize.Format(stats.StoredBytes)}");
        if (manifest.Parent is { } parent)
            table.Add("parent", parent[..Math.Min(12, parent.Length)]);
        table.WriteTo(StandardStreams.Out);
        StandardStreams.Out.WriteLine(Text($"snapshot {id} {(manifest.Outcome == SnapshotOutcome.Completed ? "saved" : $"saved, but {Amount.Of(manifest.IssueCount, "file", "files")} could not be read")}"));
    }

    public static JsonObject ToJson(string id, SnapshotManifest manifest, TimeSpan elapsed) => new()
    {
        ["snapshot"] = id,
        ["parent"] = manifest.Parent,
        ["outcome"] = manifest.Outcome.ToString(),
        ["files"] = new JsonObject
        {
            ["total"] = manifest.Stats.Files,
            ["new"] = manifest.Stats.NewFiles,
            ["changed"] = manifest.Stats.ChangedFiles,
            ["unmodified"] = manifest.Stats.UnchangedFiles,
        },
        ["directories"] = manifest.Stats.Directories,
        ["symlinks"] = manifest.Stats.Symlinks,
        ["others"] = manifest.Stats.Others,
        ["bytes"] = manifest.Stats.Bytes,
        ["newBytes"] = manifest.Stats.NewBytes,
        ["storedBytes"] = manifest.Stats.StoredBytes,
        ["seconds"] = Math.Round(elapsed.TotalSeconds, 3),
        ["issueCount"] = manifest.IssueCount,
        ["issues"] = new JsonArray([.. manifest.Issues.Select(issue => (JsonNode?)IssueToJson(issue))]),
    };

    private static JsonObject IssueToJson(SnapshotIssue issue)
    {
        var item = new JsonObject();
        MachineOutput.SetPath(item, issue.Path);
        item["operation"] = issue.Operation;
        item["error"] = issue.Error;
        return item;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
