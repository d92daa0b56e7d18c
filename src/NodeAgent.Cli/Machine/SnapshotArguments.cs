using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Machine;

/// <summary>The ways to name snapshots.</summary>
internal static class SnapshotArguments
{
    public static readonly Argument<string> Snapshot = new("ID") { Description = "latest, a snapshot's id, or the beginning of one" };

    public static readonly Option<string> Host = Flags.Text("--host", "Only snapshots of this host", "name");
    public static readonly Option<string> SourcePath = Flags.Text("--path", "Only snapshots of this path", "path");
    public static readonly Option<string[]> Tag = Flags.List("--tag", "Only snapshots with this tag (key or key=value)", "k=v");

    /// <summary>A path inside a snapshot, without its slashes at both ends.</summary>
    public static byte[] PathInSnapshot(string? argument) =>
        string.IsNullOrEmpty(argument) ? [] : RawArguments.BytesOf(argument).AsSpan().Trim((byte)'/').ToArray();

    public static (int Part, int Parts) ParsePart(string flag, string text) =>
        text.Split('/') is [var part, var parts] && int.TryParse(part, out var n) && int.TryParse(parts, out var m) && n >= 1 && m >= n
            ? (n, m)
            : throw new UsageException($"{flag} {text}: not a part (write it as n/m, with n from 1 to m, or as p%)");
}
