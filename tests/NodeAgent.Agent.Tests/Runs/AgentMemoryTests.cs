using NodeAgent.Agent.Runs;

namespace NodeAgent.Agent.Tests.Runs;

public sealed class AgentMemoryTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly DirectoryInfo _cgroup = Directory.CreateTempSubdirectory("cgroup-");

    public void Dispose() => _cgroup.Delete(recursive: true);

    [Fact]
    public void A_backup_and_a_restore_at_the_same_time_share_the_memory()
    {
        var memory = new AgentMemory(_cgroup.FullName, 384 * MiB, 1);
        Assert.Equal((256 * MiB, 128 * MiB), (memory.OfBackup, memory.OfRestore));
        Assert.Equal(memory.OfBackup / 4, new AgentMemory(_cgroup.FullName, 384 * MiB, 4).OfBackup);
    }

    [Theory]
    [InlineData("memory.max", "memory.stat", "shmem")]
    [InlineData("memory/memory.limit_in_bytes", "memory/memory.stat", "total_shmem")]
    public void Files_in_memory_get_what_the_limit_has_beside_the_heap_and_what_is_written_already(string limit, string statistics, string entry)
    {
        Write(limit, $"{512 * MiB}\n");
        var memory = new AgentMemory(_cgroup.FullName, 384 * MiB, 1);
        Assert.Equal(64 * MiB, memory.OfVolatileFiles());
        Write(statistics, $"anon 5\nxshmem 7\n{entry} {24 * MiB}\nshmem_thp 9\n");
        Assert.Equal(40 * MiB, memory.OfVolatileFiles());
        Assert.Equal(20 * MiB, new AgentMemory(_cgroup.FullName, 384 * MiB, 2).OfVolatileFiles());
        Write(statistics, $"{entry} {500 * MiB}\n");
        Assert.Equal(0, memory.OfVolatileFiles());
    }

    [Theory]
    [InlineData("memory.max", "max\n")]
    [InlineData("memory/memory.limit_in_bytes", "9223372036854771712\n")]
    [InlineData("other", "")]
    public void Without_a_limit_there_is_none_for_files_in_memory(string file, string content)
    {
        Write(file, content);
        Assert.Null(new AgentMemory(_cgroup.FullName, 384 * MiB, 1).OfVolatileFiles());
    }

    private void Write(string file, string content)
    {
        var path = Path.Combine(_cgroup.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
