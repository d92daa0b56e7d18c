using System.Formats.Tar;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>A file of an image, as the uppermost layer that has it says.</summary>
/// <param name="Path">Without a slash in front.</param>
/// <param name="Layer">The layer's number from below.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Its permissions.</param>
/// <param name="Size">Of a regular file.</param>
/// <param name="Content">Of a regular file up to <see cref="ImageArchive.LargestContent"/>; else empty.</param>
internal sealed record ImageFile(string Path, int Layer, TarEntryType Kind, UnixFileMode Mode, long Size, byte[] Content)
{
    public bool IsRegular => Kind is TarEntryType.RegularFile or TarEntryType.V7RegularFile;

    /// <summary>Whether it reads as text: no program or library does.</summary>
    public bool IsText => Content.Length > 0 && !Content.Contains((byte)0);
}
