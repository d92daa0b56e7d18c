using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>How many entries differ, and by how many bytes of files.</summary>
/// <param name="withMetadata">Whether entries that differ in metadata only were looked for. Where they were not, nothing is said of them.</param>
internal sealed class DiffSummary(bool withMetadata)
{
    private readonly Row _files = new("files");
    private readonly Row _directories = new("directories");
    private readonly Row _others = new("others");
    private long _types;
    private long _addedBytes;
    private long _removedBytes;
    private long _changedBefore;
    private long _changedAfter;

    public void Add(in TreeDifference difference)
    {
        var entry = (difference.After ?? difference.Before)!;
        var row = entry.Type switch { TreeEntryType.RegularFile => _files, TreeEntryType.Directory => _directories, _ => _others };
        switch (difference)
        {
            case { Before: null }:
                row.Added++;
                _addedBytes += entry.Size;
                break;
            case { After: null }:
                row.Removed++;
                _removedBytes += entry.Size;
                break;
            case { Changes: TreeChanges.Metadata }:
                row.Metadata++;
                break;
            default:
                if (difference.Changes.HasFlag(TreeChanges.Type)) _types++;
                else row.Changed++;
                _changedBefore += difference.Before.Size;
                _changedAfter += difference.After.Size;
                break;
        }
    }

    public void Print(TextWriter writer)
    {
        writer.WriteLine();
        foreach (var row in (Row[])[_files, _directories, _others])
        {
            writer.Write(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Name + ":",-13}{row.Added,8:N0} added {row.Removed,8:N0} removed {row.Changed,8:N0} changed"));
            writer.WriteLine(withMetadata ? string.Create(CultureInfo.InvariantCulture, $" {row.Metadata,8:N0} only in metadata") : "");
        }

        if (_types > 0) writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"another type: {_types,8:N0}"));
        writer.WriteLine($"bytes of files: {ByteSize.Format(_addedBytes)} added, {ByteSize.Format(_removedBytes)} removed, {ByteSize.Format(_changedBefore)} changed to {ByteSize.Format(_changedAfter)}");
    }

    public JsonObject ToJson(SnapshotId first, SnapshotId second) => new()
    {
        ["change"] = "summary",
        ["first"] = first.ToString(),
        ["second"] = second.ToString(),
        ["files"] = _files.ToJson(withMetadata),
        ["directories"] = _directories.ToJson(withMetadata),
        ["others"] = _others.ToJson(withMetadata),
        ["types"] = _types,
        ["addedBytes"] = _addedBytes,
        ["removedBytes"] = _removedBytes,
        ["changedBytesBefore"] = _changedBefore,
        ["changedBytesAfter"] = _changedAfter,
    };

    private sealed class Row(string name)
    {
        public string Name => name;

        public long Added { get; set; }

        public long Removed { get; set; }

        public long Changed { get; set; }

        public long Metadata { get; set; }

        public JsonObject ToJson(bool withMetadata) => new() { ["added"] = Added, ["removed"] = Removed, ["changed"] = Changed, ["metadata"] = withMetadata ? Metadata : null };
    }
}
