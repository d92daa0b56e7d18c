using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// What files with several names hold, so that it is read at the first name only. A file is forgotten when all of its names were seen: trees in which every file has two, as
/// copies of yesterday and today, are held for as long as one is away from the other, not to the end.
/// </summary>
internal sealed class LinkedContents
{
    private readonly Dictionary<(ulong Device, ulong Inode), (Task<CapturedContent> Content, uint Left)> _files = [];

    /// <summary>Files of which further names may come.</summary>
    public int Count => _files.Count;

    /// <summary>What an earlier name of the file led to; null when this is the first.</summary>
    public Task<CapturedContent>? Find(in FileStatus status) =>
        status.Links > 1 && _files.TryGetValue((status.Device, status.Inode), out var known) ? known.Content : null;

    /// <summary>Call once for each name, the first with what it led to.</summary>
    public void Add(in FileStatus status, Task<CapturedContent> content)
    {
        if (status.Links < 2) return;
        var key = (status.Device, status.Inode);
        if (!_files.TryGetValue(key, out var known)) _files[key] = (content, status.Links - 1);
        else if (known.Left > 1) _files[key] = (known.Content, known.Left - 1);
        else _files.Remove(key);
    }
}
