using System.Collections.Concurrent;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Gives restored files what else they had: owner, then attributes (a change of owner drops capabilities, and a file that
/// may not be written takes no attributes), then mode (a change of owner clears set-id bits, an ACL changes the mode), then
/// times. What a plain user may not set is reported once, not per file.
/// </summary>
internal sealed class MetadataWriter(ChunkReader reader, IssueList issues)
{
    private static readonly byte[] AccessList = "system.posix_acl_access"u8.ToArray();
    private static readonly byte[] DefaultAccessList = "system.posix_acl_default"u8.ToArray();

    /// <summary>S_ISUID and S_ISGID</summary>
    private const uint SetIdBits = 0xc00;

    private readonly ConcurrentDictionary<(string About, int Error), bool> _reported = new();

    /// <summary>Whether what is made in this directory inherits an access list.</summary>
    public static bool PassesOnAccess(DirectoryHandle directory) => Files.HasAttribute(directory, DefaultAccessList);

    /// <summary>Takes away what was inherited from the directory that something is in, or what was there before.</summary>
    public static void RemoveAccessLists(DirectoryHandle file, TreeEntry? keepThoseOf = null)
    {
        foreach (var name in (byte[][])[AccessList, DefaultAccessList])
        {
            if (keepThoseOf is null || !keepThoseOf.ExtendedAttributes.Any(a => a.Name.Span.SequenceEqual(name))) Files.RemoveAttribute(file, name);
        }
    }

    /// <summary>Whether a file has the mode and the owner of an entry.</summary>
    public static bool HasModeAndOwner(in FileStatus file, TreeEntry entry) =>
        file.Permissions == entry.Mode && file.UserId == entry.UserId && file.GroupId == entry.GroupId;

    /// <summary>Whether a file has everything that <see cref="ApplyAsync(DirectoryHandle, TreeEntry, TreePath, CancellationToken)"/> would give it.</summary>
    public static bool IsAsRecorded(DirectoryHandle file, in FileStatus status, TreeEntry entry)
    {
        if (!HasModeAndOwner(status, entry) || status.Modified != entry.Modified) return false;
        var there = Files.Attributes(file);
        if (there.Count != entry.ExtendedAttributes.Count) return false;
        // A value in a chunk of its own is not fetched to be compared: it is set again.
        return entry.ExtendedAttributes.All(a => a.Chunk is null && there.Exists(b => b.Name.Span.SequenceEqual(a.Name.Span) && b.Value.Span.SequenceEqual(a.Value.Span)));
    }

    /// <summary>Takes away attributes that a file was left with and the snapshot does not have; labels of the system's own stay.</summary>
    public static void RemoveSurplus(DirectoryHandle file, TreeEntry entry)
    {
        foreach (var attribute in Files.Attributes(file))
        {
            var name = attribute.Name.Span;
            if (entry.ExtendedAttributes.Any(a => a.Name.Span.SequenceEqual(attribute.Name.Span))) continue;
            if (name.StartsWith("user."u8) || name.StartsWith("trusted."u8) || name.SequenceEqual(AccessList) || name.SequenceEqual("security.capability"u8)) Files.RemoveAttribute(file, name);
        }
    }

    /// <summary>Leaves a file that is about to be written to its owner alone. False for one that is not this user's to change.</summary>
    public static bool TryClose(DirectoryHandle file, TreeEntry entry)
    {
        try
        {
            Files.ChangeMode(file, 0x180);
            RemoveSurplus(file, entry);
            RemoveAccessLists(file);
            return true;
        }
        catch (FileSystemException failure) when (failure.Error is Errno.NotPermitted or Errno.AccessDenied)
        {
            return false;
        }
    }

    /// <summary>Applies everything but inode flags to a file or directory by its open handle.</summary>
    public ValueTask ApplyAsync(DirectoryHandle file, TreeEntry entry, TreePath path, CancellationToken cancellationToken) =>
        ApplyAsync(file, entry, path, isNamedOnly: false, cancellationToken);

    /// <summary>The same for what cannot be opened without side effects (links, fifos, devices), by a handle that only names it.</summary>
    public ValueTask ApplyToNamedAsync(DirectoryHandle file, TreeEntry entry, TreePath path, CancellationToken cancellationToken) =>
        ApplyAsync(file, entry, path, isNamedOnly: true, cancellationToken);

    /// <summary>Inode flags come last of all: an immutable file takes nothing more.</summary>
    public void ApplyFlags(DirectoryHandle file, TreeEntry entry, TreePath path)
    {
        if (entry.InodeFlags == 0) return;
        try
        {
            if (Files.InodeFlags(file) is not { } current) throw new FileSystemException("set flags", Errno.NotSupported);
            if ((current | entry.InodeFlags) != current) Files.SetInodeFlags(file, current | entry.InodeFlags);
        }
        catch (FileSystemException failure)
        {
            Once("inode flags", path, "inode flags", failure);
        }
    }

    private async ValueTask ApplyAsync(DirectoryHandle file, TreeEntry entry, TreePath path, bool isNamedOnly, CancellationToken cancellationToken)
    {
        // Each change of an inode is a transaction of the file system, a look is none: what is as it should be is left alone.
        var now = Files.Status(file, []);
        var wasOwned = now.UserId == entry.UserId && now.GroupId == entry.GroupId;
        var isOwned = wasOwned || TryChangeOwner(file, entry, path);
        foreach (var attribute in entry.ExtendedAttributes)
        {
            if (await ValueAsync(attribute, path, cancellationToken) is not { } value) continue;
            try
            {
                if (isNamedOnly) Files.SetAttributeOfNamed(file, attribute.Name.Span, value.Span);
                else Files.SetAttribute(file, attribute.Name.Span, value.Span);
            }
            catch (FileSystemException failure)
            {
                OnceFor(attribute, path, failure);
            }
        }

        var mode = isOwned ? entry.Mode : entry.Mode & 0x1ff;
        // A change of owner takes set-id bits away, an access list changes the others; and whoever owned it until now could change them after the look.
        var isMode = wasOwned && now.Permissions == mode && entry.ExtendedAttributes.Count == 0 && (mode & SetIdBits) == 0;
        if (isNamedOnly)
        {
            if (!isMode && entry.Type != TreeEntryType.SymbolicLink) Files.ChangeModeOfNamed(file, mode);
            Files.SetTimeOfNamed(file, entry.Modified);
        }
        else
        {
            if (!isMode) Files.ChangeMode(file, mode);
            Files.SetTime(file, entry.Modified);
        }
    }

    /// <summary>The value from where it is; null, and reported, when it cannot be had.</summary>
    private async ValueTask<ReadOnlyMemory<byte>?> ValueAsync(ExtendedAttribute attribute, TreePath path, CancellationToken cancellationToken)
    {
        if (attribute.Chunk is not { } chunk) return attribute.Value;
        try
        {
            var value = await reader.ReadSharedAsync(ChunkKind.Data, chunk, TreeLimits.MaxAttributeValue, cancellationToken);
            return value.Length == attribute.Length
                ? value
                : throw new RepositoryFormatException($"data chunk {chunk}", 0, $"an attribute's value of {attribute.Length} bytes has {value.Length}");
        }
        catch (RepositoryException exception)
        {
            issues.Add(path, "setxattr", $"attribute {FileName.ToText(attribute.Name.Span)}: {exception.Message}");
            return null;
        }
    }

    private bool TryChangeOwner(DirectoryHandle file, TreeEntry entry, TreePath path)
    {
        var error = Files.TryChangeOwner(file, [], entry.UserId, entry.GroupId);
        if (error == 0) return true;
        if (error != Errno.NotPermitted && error != Errno.Invalid) throw new FileSystemException("chown", error);
        Once("owners", path, "owners", new FileSystemException("chown", error));
        return false;
    }

    /// <summary>
    /// What a file system or a user may not set is a class of attributes, the part of the name before the first dot: a file may
    /// have thousands of them, with names that whoever wrote the file made up.
    /// </summary>
    private void OnceFor(ExtendedAttribute attribute, TreePath path, FileSystemException failure)
    {
        var name = attribute.Name.Span;
        var dot = name.IndexOf((byte)'.');
        // Classes are few; what has no dot, or is in none of them, is one more.
        var kind = dot < 0 ? "" : Encoding.Latin1.GetString(name[..dot]) switch { "user" => "user", "trusted" => "trusted", "security" => "security", "system" => "system", _ => "" };
        Once($"attribute {kind}", path, $"attribute {FileName.ToText(name)}", failure);
    }

    private void Once(string about, TreePath path, string what, FileSystemException failure)
    {
        if (_reported.TryAdd((about, failure.Error), true))
            issues.Add(path, failure.Operation, $"{what} cannot be restored here: {failure.Reason}; further trouble of this kind is not listed (run as root, or on a file system that has them)", isMetadataOnly: true);
    }
}
