using NodeAgent.DevCluster.Interop;

namespace NodeAgent.DevCluster.Volumes;

/// <summary>
/// The data of persistent volumes, below <c>volumes/</c>, and where it is mounted. With CAP_SYS_ADMIN a volume is bind-mounted
/// into the pods that use it; without, its directory moves to the one pod that uses it and back. Not thread safe: the control loop owns it.
/// </summary>
internal sealed class VolumeDirectories : IDisposable
{
    private readonly string _root;
    private readonly string _volumes;
    private readonly FileStream _mark;
    private readonly Dictionary<string, (string Volume, bool Bound)> _mounts = new(StringComparer.Ordinal);
    private bool _mayMount;

    /// <exception cref="IOException">Another cluster uses the directory, or it holds folders that are not a cluster's.</exception>
    public VolumeDirectories(string root, bool bindMounts)
    {
        _mayMount = bindMounts && Environment.IsPrivilegedProcess;
        _root = root;
        _volumes = Path.Combine(root, "volumes");
        var nodes = Path.Combine(root, "nodes");
        var markPath = Path.Combine(root, ".devcluster");
        // Everything below nodes/ and volumes/ is removed at the start and the end, so it must be certain whose it is.
        if (!File.Exists(markPath) && (Directory.Exists(nodes) || Directory.Exists(_volumes)))
            throw new IOException($"{root}: has a folder named nodes or volumes that no cluster made; choose another directory");
        try
        {
            _mark = new FileStream(markPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{root}: another cluster runs on this directory; choose another one ({e.Message})", e);
        }
        Clear();
        Directory.CreateDirectory(nodes);
        Directory.CreateDirectory(_volumes);
    }

    /// <summary>Makes a volume's data appear at a path.</summary>
    /// <returns>False when another pod has the volume and it cannot be in two places.</returns>
    public bool Mount(string volume, string path)
    {
        if (_mounts.ContainsKey(path))
            return true;
        var data = Path.Combine(_volumes, volume);
        var moved = _mounts.Any(m => m.Value.Volume == volume && !m.Value.Bound);
        if (moved)
            return false;
        MakeOpen(data);
        if (_mayMount)
        {
            Directory.CreateDirectory(path);
            if (LibcMount.BindMount(data, path) == 0)
            {
                _mounts[path] = (volume, true);
                return true;
            }
            _mayMount = false;
            Directory.Delete(path);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Directory.Move(data, path);
        _mounts[path] = (volume, false);
        return true;
    }

    /// <summary>Takes every volume out of a directory, after which the directory can be removed without touching their data.</summary>
    public void UnmountBelow(string directory)
    {
        foreach (var (path, (volume, bound)) in _mounts.Where(m => m.Key.StartsWith(directory + "/", StringComparison.Ordinal)).ToList())
        {
            if (bound)
            {
                if (LibcMount.Unmount(path) is not 0 and var errno)
                    throw new IOException($"umount {path}: errno {errno}");
                // Not recursive: should anything be there still, it is not ours to remove.
                Directory.Delete(path);
            }
            else if (Directory.Exists(path))
                Directory.Move(path, Path.Combine(_volumes, volume));
            _mounts.Remove(path);
        }
    }

    /// <summary>Removes a volume's data, unless a pod still has it.</summary>
    public bool Remove(string volume)
    {
        if (_mounts.Values.Any(m => m.Volume == volume))
            return false;
        var data = Path.Combine(_volumes, volume);
        DirectoryTree.Remove(data);
        return true;
    }

    public static void MakeOpen(string directory)
    {
        Directory.CreateDirectory(directory);
        // As kubelets do, so that containers of any user can write; set apart from creation because of the umask.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(directory, (UnixFileMode)Convert.ToInt32("777", 8));
    }

    public void Dispose()
    {
        Clear();
        _mark.Dispose();
        File.Delete(_mark.Name);
    }

    private void Clear()
    {
        var nodes = Path.Combine(_root, "nodes");
        UnmountBelow(nodes);
        // Also what a cluster that was killed left mounted; the deepest first.
        if (File.Exists("/proc/self/mountinfo"))
        {
            var left = File.ReadLines("/proc/self/mountinfo").Select(l => l.Split(' ')[4].Replace("\\040", " ", StringComparison.Ordinal)).Where(p => p.StartsWith(nodes + "/", StringComparison.Ordinal)).ToList();
            foreach (var path in left.OrderByDescending(p => p.Length))
            {
                if (LibcMount.Unmount(path) is not 0 and var errno)
                    throw new IOException($"umount {path}: errno {errno}; unmount it by hand, then start again");
            }
        }
        foreach (var directory in (string[])[nodes, _volumes])
        {
            DirectoryTree.Remove(directory);
        }
    }
}
