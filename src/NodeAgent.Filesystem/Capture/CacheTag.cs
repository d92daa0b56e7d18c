using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>The file by which programs mark a directory whose content can be made again (CACHEDIR.TAG, the Cache Directory Tagging Specification).</summary>
internal static class CacheTag
{
    public static byte[] Name { get; } = "CACHEDIR.TAG"u8.ToArray();

    public static bool IsName(byte[] name) => name.AsSpan().SequenceEqual(Name);

    /// <summary>Whether the directory has the file with the signature that it begins with. What is no regular file or cannot be read marks nothing.</summary>
    public static bool Marks(DirectoryHandle directory, List<byte[]> names)
    {
        if (!names.Exists(IsName)) return false;
        var signature = "Signature: 8a477f597d28d172789f06886806bc55"u8;
        try
        {
            // Only a regular file is opened: a device might do something.
            if (Files.Status(directory, Name).Type != TreeEntryType.RegularFile) return false;
            using var file = Files.OpenToRead(directory, Name);
            Span<byte> start = stackalloc byte[43];
            return Files.Status(file, []).Type == TreeEntryType.RegularFile && Files.ReadAt(file, start, 0) == signature.Length && start.SequenceEqual(signature);
        }
        catch (FileSystemException)
        {
            // The walk comes to it, and says what is wrong with it.
            return false;
        }
    }
}
