using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// What files with several names hold, so that it is read at the first name only. A file is forgotten when all of its names were seen: trees in which every file has two, as
/// copies of yesterday and today, are held for as long as one is away from the other, not to the end.
/// <para>
/// Device and inode alone do not say that it is the file that was read: it may have been written since, or removed and its inode given to another. Size, mtime and birth time
/// must be equal too. The ctime need not be: a further name changes it, and the content is recorded with the metadata under which it was read.
/// </para>
/// <para>
/// A file that is written all the time would be read at each of its names, of which it may have tens of thousands. Where the birth time says that it is that file, what the
/// second reading gave is what all further names have, with the metadata of that moment: there is no moment at which all names are looked at. Without a birth time it is read
/// at each name after all: what is there may be another file that was given the inode, and its content would be lost.
/// </para>
/// </summary>
internal sealed class LinkedContents
{
    /// <summary>How often a file is read that is known by its birth time.</summary>
    private const int MostReadings = 2;

    private readonly Dictionary<(ulong Device, ulong Inode), Known> _files = [];

    /// <summary>Files whose content was on its way when they were added, in their order.</summary>
    private readonly Queue<(ulong Device, ulong Inode)> _awaited = new();

    /// <summary>Files of which further names may come.</summary>
    public int Count => _files.Count;

    /// <summary>What an earlier name of the file led to; null when this is the first, or the file is not what it was then.</summary>
    public Task<CapturedContent>? Find(in FileStatus status) =>
        status.Links > 1 && _files.TryGetValue((status.Device, status.Inode), out var known) && known.Serves(status) ? known.Content : null;

    /// <summary>Call once for each name, with what <see cref="Find"/> gave or else with what was read.</summary>
    public void Add(in FileStatus status, Task<CapturedContent> content)
    {
        if (status.Links < 2) return;
        var key = (status.Device, status.Inode);
        var isKnown = _files.TryGetValue(key, out var known);
        var isServed = isKnown && known.Serves(status);
        // Without a birth time nobody can tell a file that was written from another one: then more is kept than need be.
        var isSame = isServed || (isKnown && known.IsBornAs(status));
        var left = isSame ? known.Left - 1 : status.Links - 1;
        if (left == 0)
        {
            _files.Remove(key);
        }
        else if (isServed)
        {
            _files[key] = known with { Left = left };
        }
        else
        {
            _files[key] = new Known(content.IsCompletedSuccessfully ? content.Result : content, status.Size, status.Modified, status.KnownBirth, left, isSame ? known.Readings + 1 : 1);
            if (!content.IsCompletedSuccessfully) _awaited.Enqueue(key);
        }

        Settle();
    }

    /// <summary>Of contents that came only they are kept: the task remembers how it came.</summary>
    private void Settle()
    {
        while (_awaited.TryPeek(out var key))
        {
            if (_files.TryGetValue(key, out var known) && known.What is Task<CapturedContent> task)
            {
                if (!task.IsCompleted) return;
                if (task.IsCompletedSuccessfully) _files[key] = known with { What = task.Result };
            }

            _awaited.Dequeue();
        }
    }

    /// <summary>What is kept of a file.</summary>
    /// <param name="What">The content, or the task that brings it.</param>
    /// <param name="Size">At the look before it was read, as are the times.</param>
    /// <param name="Modified">Its mtime.</param>
    /// <param name="Birth">Null where it is not known.</param>
    /// <param name="Left">Names that were not seen.</param>
    /// <param name="Readings">How often it was read.</param>
    private readonly record struct Known(object What, long Size, FileTimestamp Modified, FileTimestamp? Birth, uint Left, int Readings)
    {
        public Task<CapturedContent> Content => What as Task<CapturedContent> ?? Task.FromResult((CapturedContent)What);

        public bool IsBornAs(in FileStatus status) => Birth is not null && Birth == status.KnownBirth;

        /// <summary>Whether this is what a further name has.</summary>
        public bool Serves(in FileStatus status)
        {
            if (Birth != status.KnownBirth) return false;
            var read = What as CapturedContent ?? (What is Task<CapturedContent> { IsCompletedSuccessfully: true } task ? task.Result : null);
            // Where a reading failed the next name may have more luck.
            if (Birth is not null && Readings >= MostReadings) return read is not { Content: null };
            // Once it is read it is known under which size and time; what kept changing deserves another try.
            return read is null ? Size == status.Size && Modified == status.Modified : !read.Changed && read.Size == status.Size && read.Moment.Modified == status.Modified;
        }
    }
}
