using System.Collections.Concurrent;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Gives restored files what else they had: owner, then mode (a change of owner clears set-id bits), then attributes
/// (a change of owner drops capabilities), then times. What a plain user may not set is reported once, not per file.
/// </summary>
internal sealed class MetadataWriter(IssueList issues)
{
    private readonly ConcurrentDictionary<string, bool> _reported = new();

    /// <summary>For a file or directory by its open handle.</summary>
    public void Apply(DirectoryHandle file, TreeEntry entry, byte[] path)
    {
        var owned = ChangeOwner(file, [], entry, path);
        Files.ChangeMode(file, owned ? entry.Mode : entry.Mode & 0x1ff);
        foreach (var attribute in entry.ExtendedAttributes)
            Attribute(path, attribute, () => Files.SetAttribute(file, attribute.Name.Span, attribute.Value.Span));
        Files.SetTime(file, [], entry.Modified);
    }

    /// <summary>For what cannot be opened without side effects: links, fifos, devices; by a name that this run has just made.</summary>
    public void Apply(DirectoryHandle directory, byte[] name, TreeEntry entry, byte[] path)
    {
        var owned = ChangeOwner(directory, name, entry, path);
        if (entry.Type != TreeEntryType.SymbolicLink) Files.ChangeMode(directory, name, owned ? entry.Mode : entry.Mode & 0x1ff);
        foreach (var attribute in entry.ExtendedAttributes)
            Attribute(path, attribute, () => Files.SetAttribute(directory, name, attribute.Name.Span, attribute.Value.Span));
        Files.SetTime(directory, name, entry.Modified);
    }

    /// <summary>Inode flags come last of all: an immutable file takes nothing more.</summary>
    public void ApplyFlags(DirectoryHandle file, TreeEntry entry, byte[] path)
    {
        if (entry.InodeFlags == 0) return;
        try
        {
            if (Files.InodeFlags(file) is not { } current) throw new FileSystemException("set flags", Errno.NotSupported);
            if ((current | entry.InodeFlags) != current) Files.SetInodeFlags(file, current | entry.InodeFlags);
        }
        catch (FileSystemException failure)
        {
            Once(path, "inode flags", failure);
        }
    }

    private bool ChangeOwner(DirectoryHandle directory, ReadOnlySpan<byte> name, TreeEntry entry, byte[] path)
    {
        var error = Files.TryChangeOwner(directory, name, entry.UserId, entry.GroupId);
        if (error == 0) return true;
        if (error != Errno.NotPermitted && error != Errno.Invalid) throw new FileSystemException("chown", error);
        var now = Files.Status(directory, name);
        if (now.UserId == entry.UserId && now.GroupId == entry.GroupId) return true;
        Once(path, "owners", new FileSystemException("chown", error));
        return false;
    }

    private void Attribute(byte[] path, ExtendedAttribute attribute, Action set)
    {
        try
        {
            if (attribute.Chunk is not null) throw new FileSystemException("setxattr", Errno.NotSupported);
            set();
        }
        catch (FileSystemException failure)
        {
            Once(path, $"attribute {FileName.ToText(attribute.Name.Span)}", failure);
        }
    }

    private void Once(byte[] path, string what, FileSystemException failure)
    {
        var key = $"{what} {failure.Error}";
        if (_reported.TryAdd(key, true))
            issues.Add(path, failure.Operation, $"{what} cannot be restored here: {failure.Reason}; further files with the same trouble are not listed (run as root, or on a file system that has them)");
    }
}
