using System.Globalization;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Entries as lines: the path alone, or as ls -l shows them.</summary>
internal sealed class TextLister(TextWriter writer, bool isLong, SnapshotManifest manifest, TimeZoneInfo zone) : IEntryLister
{
    public void Begin()
    {
    }

    public void Add(ReadOnlySpan<byte> path, TreeEntry entry)
    {
        var name = DisplayText.Name(path);
        if (!isLong)
        {
            writer.WriteLine(name);
            return;
        }

        var size = entry.Type is TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice
            ? string.Create(CultureInfo.InvariantCulture, $"{entry.DeviceMajor}, {entry.DeviceMinor}")
            : entry.Size.ToString(CultureInfo.InvariantCulture);
        var time = entry.Modified.ToDateTimeOffset() is { } modified
            ? TimeZoneInfo.ConvertTime(modified, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
            : entry.Modified.ToString();
        // Columns of fixed width: what comes later is not known while the entries stream by.
        writer.WriteLine(
            $"{FileModeText.Format(EntryTypes.Letter(entry.Type), entry.Mode)} {Owners.User(manifest, entry.UserId),-8} {Owners.Group(manifest, entry.GroupId),-8} {size,12} {time} {name}"
            + (entry.Type == TreeEntryType.SymbolicLink ? $" -> {DisplayText.Name(entry.LinkTarget.Span)}" : "")
            + (entry.IsPart ? "  (parts are lost)" : entry.UnreadableContent ? "  (content could not be read)" : entry.ChangedWhileRead ? "  (changed while it was read)" : ""));
    }

    public void End()
    {
    }
}
