using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Entries as one JSON array, written as they come.</summary>
internal sealed class JsonLister(Stream destination, Utf8JsonWriter writer) : IEntryLister
{
    /// <summary>Flushed at this many bytes, so that a listing of any length needs little memory.</summary>
    private const int FlushAt = 32 * 1024;

    /// <summary>The snapshot that the entries are of, where they may be of several.</summary>
    public string? Snapshot { get; set; }

    public void Begin() => writer.WriteStartArray();

    public void Add(ReadOnlySpan<byte> path, TreeEntry entry)
    {
        var item = new JsonObject();
        if (Snapshot is not null)
            item["snapshot"] = Snapshot;
        MachineOutput.SetPath(item, path);
        item["type"] = EntryTypes.Word(entry.Type);
        item["mode"] = Convert.ToString(entry.Mode, 8).PadLeft(5, '0');
        item["uid"] = entry.UserId;
        item["gid"] = entry.GroupId;
        item["size"] = entry.Size;
        item["mtime"] = entry.Modified.ToString();
        item["ctime"] = entry.Changed.ToString();
        item["inode"] = entry.Inode;
        if (entry.Type == TreeEntryType.SymbolicLink)
        {
            var target = new JsonObject();
            MachineOutput.SetPath(target, entry.LinkTarget.Span);
            item["target"] = target["path"]!.DeepClone();
            if (target["pathBytes"] is { } bytes)
                item["targetBytes"] = bytes.DeepClone();
        }

        if (entry.Type is TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice)
            item["device"] = string.Create(CultureInfo.InvariantCulture, $"{entry.DeviceMajor}:{entry.DeviceMinor}");
        if (entry.UnreadableContent)
            item["unreadable"] = true;
        if (entry.ChangedWhileRead)
            item["changedWhileRead"] = true;
        item.WriteTo(writer);
        if (writer.BytesPending > FlushAt)
            writer.Flush();
    }

    public void End()
    {
        writer.WriteEndArray();
        writer.Flush();
        destination.Write("\n"u8);
        writer.Dispose();
    }
}
