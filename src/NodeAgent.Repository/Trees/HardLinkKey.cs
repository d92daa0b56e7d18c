using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// What entries of one snapshot have in common that are names of one file. Link group and inode number alone do not tell: when all names of a file are removed during a backup,
/// another file may get its inode. That one has another birth time; where none is recorded, only entries of the same content are taken for one file, so that no content is
/// lost. With equal birth times the contents may differ: the file was written while the backup went from one name to the other.
/// <para>
/// Equal bytes may lie in several bundles, so that a slice of one says nothing of what it holds. There equal mtime and ctime stand for equal content: nobody can set a ctime,
/// and the file that was given the inode got one when it was made.
/// </para>
/// </summary>
/// <param name="Group">See <see cref="TreeEntry.HardLinkDevice"/>.</param>
/// <param name="Inode">The inode number.</param>
/// <param name="Mark">The birth time in nanoseconds, or the first bytes of a hash of type, size and content or times: 8 bytes, since a restore keeps one of each file.</param>
public readonly record struct HardLinkKey(ulong Group, ulong Inode, ulong Mark)
{
    /// <summary>The key of an entry; null for a file of one name, and for a directory.</summary>
    public static HardLinkKey? Of(TreeEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.HardLinkDevice is not { } group || entry.Type == TreeEntryType.Directory) return null;
        // 0 is what file systems give that do not know.
        var mark = entry.Birth is { } birth && birth != default ? unchecked(((ulong)birth.Seconds * 1_000_000_000) + birth.Nanoseconds) : HashOf(entry);
        return new HardLinkKey(group, entry.Inode, mark);
    }

    private static ulong HashOf(TreeEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendNumbers(hash, (long)entry.Type, entry.Size, ((long)entry.DeviceMajor << 32) | entry.DeviceMinor);
        hash.AppendData(entry.LinkTarget.Span);
        switch (entry.Content)
        {
            case InlineContent inline:
                hash.AppendData(inline.Bytes.Span);
                break;
            case BundleSlice:
                AppendNumbers(hash, entry.Modified.Seconds, entry.Modified.Nanoseconds, entry.Changed.Seconds, entry.Changed.Nanoseconds);
                break;
            case ChunkList list:
                foreach (var item in list.Items) AppendItem(hash, item.Id, item.Length, item.IsHole ? 1 : 0);
                break;
            case IndirectList list:
                AppendItem(hash, list.Root, list.Level, list.ListedLength);
                break;
        }

        Span<byte> result = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(result);
        // Birth times have this bit from the year 2262 on, and before 1970.
        return BinaryPrimitives.ReadUInt64LittleEndian(result) | (1UL << 63);
    }

    private static void AppendItem(IncrementalHash hash, Objects.ChunkId id, params ReadOnlySpan<long> numbers)
    {
        Span<byte> bytes = stackalloc byte[Objects.ChunkId.Length];
        id.CopyTo(bytes);
        hash.AppendData(bytes);
        AppendNumbers(hash, numbers);
    }

    private static void AppendNumbers(IncrementalHash hash, params ReadOnlySpan<long> numbers) => hash.AppendData(MemoryMarshal.AsBytes(numbers));
}
