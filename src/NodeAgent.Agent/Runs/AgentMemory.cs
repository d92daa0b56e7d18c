using System.Globalization;
using NodeAgent.Filesystem;

namespace NodeAgent.Agent.Runs;

/// <summary>How the memory of the agent's container is shared out, so that it keeps to its limit whatever node it runs on and whatever is asked of it.</summary>
/// <param name="cgroup">Where the control group of this process is mounted.</param>
/// <param name="heap">Bytes that the runtime gives to objects.</param>
/// <param name="concurrency">Backups at once, and restores at once.</param>
internal sealed class AgentMemory(string cgroup, long heap, int concurrency)
{
    /// <summary>For what is neither in the heap nor in a volume: code, threads, the compressor.</summary>
    private const long Rest = 64 << 20;

    /// <summary>Larger than any machine: how the old control groups say that there is no limit.</summary>
    private const long NoLimit = 1L << 60;

    /// <summary>Bytes for one backup. Backups and restores may run at the same time.</summary>
    public long OfBackup => heap * 2 / 3 / concurrency;

    /// <summary>Bytes for one restore.</summary>
    public long OfRestore => heap / 3 / concurrency;

    /// <summary>
    /// Bytes that one restore may write into volumes that are in memory, which the kernel counts as the agent's own until the pod is gone; null when the agent has no limit.
    /// </summary>
    public long? OfVolatileFiles()
    {
        var (limit, written) = Number("memory.max") is { } now
            ? (now, Statistic(Path.Combine(cgroup, "memory.stat"), "shmem"))
            : (Number("memory/memory.limit_in_bytes"), Statistic(Path.Combine(cgroup, "memory", "memory.stat"), "total_shmem"));
        return limit is null or >= NoLimit ? null : Math.Max(0, limit.Value - heap - Rest - written) / concurrency;
    }

    private long? Number(string file)
    {
        var path = Path.Combine(cgroup, file);
        if (!File.Exists(path)) return null;
        return long.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : NoLimit;
    }

    private static long Statistic(string path, string name)
    {
        if (!File.Exists(path)) return 0;
        var line = File.ReadLines(path).FirstOrDefault(l => l.StartsWith(name + " ", StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }
}
