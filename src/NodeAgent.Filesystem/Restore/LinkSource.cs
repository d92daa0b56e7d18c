using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Restore;

/// <summary>A file that this run made and to which further names can be given.</summary>
internal sealed record LinkSource(TreePath Path, ulong Device, ulong Inode)
{
    /// <summary>Opens a file that this run made, and makes sure that it is that file and nothing put in its place.</summary>
    public DirectoryHandle Open(DirectoryHandle target, int flags)
    {
        var at = Files.Open(target, "."u8, OpenFlags.Directory);
        var names = Path.ToNames();
        for (var i = 0; i < names.Length; i++)
        {
            var next = Files.TryOpen(at, names[i].Span, i == names.Length - 1 ? flags : OpenFlags.Directory, 0, out var error);
            at.Dispose();
            at = next ?? throw new FileSystemException("open", error);
        }

        var status = Files.Status(at, []);
        if (status.Device == Device && status.Inode == Inode) return at;
        at.Dispose();
        throw new FileSystemException("link", Errno.NoEntry);
    }
}
