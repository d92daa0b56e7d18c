using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Capture;

/// <summary>The file by which programs mark a directory whose content can be made again (CACHEDIR.TAG, the Cache Directory Tagging Specification).</summary>
internal static class CacheTag
{
    public static byte[] Name { get; } = "CACHEDIR.TAG"u8.ToArray();

    public static bool IsName(byte[] name) => name.AsSpan().SequenceEqual(Name);

    /// <summary>Whether the directory has the file with the signature that it begins with.</summary>
    public static bool Marks(DirectoryHandle directory, List<byte[]> names)
    {
        if (!names.Exists(IsName)) return false;
        var signature = "Signature: 8a477f597d28d172789f06886806bc55"u8;
        using var file = Files.TryOpen(directory, Name, OpenFlags.NonBlocking, 0, out _);
        Span<byte> start = stackalloc byte[43];
        return file is not null && Files.ReadAt(file, start, 0) == signature.Length && start.SequenceEqual(signature);
    }
}
