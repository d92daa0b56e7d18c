using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Which mounts below the source belong to it, and which were left out. For the walk alone.</summary>
internal sealed class MountRules(BackupRequest request)
{
    /// <summary>File systems whose clients make mounts of their own inside a mount: exported file systems of the server, referrals, shares.</summary>
    private static readonly string[] OfServers = ["nfs", "nfs4", "ceph", "cifs", "smb3", "afs", "virtiofs"];

    /// <summary>File systems of which the kernel knows everything itself.</summary>
    private static readonly string[] Local = ["ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs", "zfs", "bcachefs"];

    private readonly List<string> _first = [];
    private string? _type;
    private long _count;

    /// <summary>Whether status can be had without asking a server, so that a mount inside whose server is dead does not hold the walk.</summary>
    public bool IsLocal { get; private set; }

    public LeftOutMounts LeftOut => new(_count, _first);

    /// <summary>Call before the walk, with what the source itself is on.</summary>
    public void Begin(in FileStatus root)
    {
        if (!request.OneFileSystem) return;
        _type = MountTable.TypeOf(root.MountId);
        IsLocal = Local.Contains(_type);
    }

    /// <summary>Whether the walk goes on from a directory to what is on that mount.</summary>
    public bool Allow(ulong from, ulong to) =>
        !request.OneFileSystem || from == to || (request.WithServerMounts && IsOfServer(_type, MountTable.TypeOf(to)));

    /// <summary>Whether a mount of one type is part of a source of another: only on a server, and only what is of the same kind.</summary>
    internal static bool IsOfServer(string? source, string? inside) => OfServers.Contains(source) && inside == source;

    public void LeaveOut(TreePath path, ulong mount)
    {
        if (++_count <= LeftOutMounts.Named) _first.Add($"{FileName.ToText(path.ToBytes())} ({MountTable.TypeOf(mount) ?? "unknown"})");
    }
}
