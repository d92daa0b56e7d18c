using System.Globalization;
using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Tests.Interop;

public sealed class CacheHeadroomTests : IDisposable
{
    private const long Limit = 256 << 20;

    private readonly string _root = Directory.CreateTempSubdirectory("nodeagent-headroom-").FullName;
    private int _demands;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(true, 252, 100, true)]
    [InlineData(false, 252, 100, true)]
    [InlineData(true, 251, 100, false)]
    [InlineData(false, 251, 100, false)]
    [InlineData(true, 256, 85, false)]
    [InlineData(false, 256, 85, false)]
    [InlineData(true, 256, 86, true)]
    [InlineData(false, 256, 86, true)]
    public void Room_is_made_where_the_limit_is_near_and_much_can_be_given_back(bool isFirst, long usedMiB, long rememberedMiB, bool makes)
    {
        Write(_root, isFirst, usedMiB << 20, rememberedMiB << 20);
        using var headroom = new CacheHeadroom(_root, Limit, () => _demands++);

        Assert.Equal(makes, headroom.Make());
        Assert.Equal(makes ? 1 : 0, _demands);
    }

    [Fact]
    public void A_limit_that_was_changed_counts()
    {
        Write(_root, true, 255 << 20, 200 << 20);
        using var headroom = new CacheHeadroom(_root, Limit, () => _demands++);
        File.WriteAllText(Path.Combine(_root, "memory.limit_in_bytes"), $"{2 * Limit}\n");
        Assert.False(headroom.Make());
        File.WriteAllText(Path.Combine(_root, "memory.usage_in_bytes"), $"{(2 * Limit) - 1}\n");
        Assert.True(headroom.Make());
    }

    [Fact]
    public void A_demand_takes_pages_of_the_kernel_and_gives_them_back()
    {
        // Where huge pages are given unasked, each is one fault.
        var huge = "/sys/kernel/mm/transparent_hugepage/enabled";
        var least = File.Exists(huge) && File.ReadAllText(huge).Contains("[always]", StringComparison.Ordinal) ? 1 : CacheHeadroom.Room / Environment.SystemPageSize;
        var before = Faults();
        CacheHeadroom.Demand();
        Assert.InRange(Faults() - before, least, long.MaxValue);
    }

    [Fact]
    public void The_group_is_looked_at_anew_each_time()
    {
        Write(_root, true, 100 << 20, 100 << 20);
        using var headroom = new CacheHeadroom(_root, Limit, () => _demands++);
        Assert.False(headroom.Make());

        File.WriteAllText(Path.Combine(_root, "memory.usage_in_bytes"), $"{255 << 20}\n");
        Assert.True(headroom.Make());
        Assert.True(headroom.Make());
        Assert.Equal(2, _demands);
    }

    [Fact]
    public void Numbers_that_are_none_make_no_room()
    {
        Write(_root, false, 255 << 20, 100 << 20);
        File.WriteAllText(Path.Combine(_root, "memory.stat"), "anon 1\nfile 2\n");
        using var headroom = new CacheHeadroom(_root, Limit, () => _demands++);
        Assert.False(headroom.Make());
        File.WriteAllText(Path.Combine(_root, "memory.current"), "");
        Assert.False(headroom.Make());
        Assert.Equal(0, _demands);
    }

    [Fact]
    public void The_tightest_group_above_the_process_counts()
    {
        foreach (var (path, limit) in (ReadOnlySpan<(string, string)>)[("pods", "300"), ("pods/one", "200"), ("pods/one/agent", "max")])
        {
            Directory.CreateDirectory(Path.Combine(_root, path));
            File.WriteAllText(Path.Combine(_root, path, "memory.max"), limit + "\n");
        }

        Assert.Equal((Path.Combine(_root, "pods/one"), 200), CacheHeadroom.Find(Groups("0::/pods/one/agent"), _root));
    }

    [Fact]
    public void Groups_of_the_first_version_are_found_by_their_controller_and_by_the_root_where_the_path_is_the_hosts()
    {
        Directory.CreateDirectory(Path.Combine(_root, "memory"));
        File.WriteAllText(Path.Combine(_root, "memory", "memory.limit_in_bytes"), "268435456\n");

        Assert.Equal((Path.Combine(_root, "memory", ""), Limit), CacheHeadroom.Find(Groups("12:cpu,cpuacct:/x", "7:memory:/kubepods/pod1/2", "0::/"), _root));
    }

    [Fact]
    public void Without_a_limit_there_is_nothing_to_keep_away_from()
    {
        Directory.CreateDirectory(Path.Combine(_root, "memory"));
        File.WriteAllText(Path.Combine(_root, "memory", "memory.limit_in_bytes"), "9223372036854771712\n");
        File.WriteAllText(Path.Combine(_root, "memory.max"), "max\n");

        Assert.Null(CacheHeadroom.Find(Groups("7:memory:/", "0::/"), _root));
    }

    private static void Write(string folder, bool isFirst, long used, long remembered)
    {
        File.WriteAllText(Path.Combine(folder, isFirst ? "memory.usage_in_bytes" : "memory.current"), $"{used}\n");
        File.WriteAllText(Path.Combine(folder, isFirst ? "memory.limit_in_bytes" : "memory.max"), $"{Limit}\n");
        File.WriteAllText(Path.Combine(folder, "memory.kmem.usage_in_bytes"), $"{remembered}\n");
        File.WriteAllText(Path.Combine(folder, "memory.stat"), isFirst ? "cache 1\n" : $"anon 1\nslab_reclaimable {remembered}\nslab 5\n");
    }

    private string Groups(params ReadOnlySpan<string> lines)
    {
        var file = Path.Combine(_root, "cgroup");
        File.WriteAllLines(file, [.. lines]);
        return file;
    }

    private static long Faults() => long.Parse(File.ReadAllText("/proc/self/stat").Split(") ")[^1].Split(' ')[7], CultureInfo.InvariantCulture);
}
