using NodeAgent.EndToEnd.Tests.Processes;

namespace NodeAgent.EndToEnd.Tests.Memory;

/// <summary>The real executable where it sees a large node's processors and has the memory of a small container.</summary>
public sealed class ManyProcessorsTests : IDisposable
{
    private const int Files = 56;

    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-memory-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_backup_and_a_restore_keep_to_the_memory_on_a_node_of_64_processors()
    {
        var source = Directory.CreateDirectory(Path.Combine(_directory, "source")).FullName;
        var content = new byte[5 << 20];
        for (var i = 0; i < Files; i++)
        {
            // Nothing to compress, and nothing twice.
            new Random(i).NextBytes(content);
            await File.WriteAllBytesAsync(Path.Combine(source, $"file{i:00}"), content, TestContext.Current.CancellationToken);
        }

        var (store, key, target) = (Path.Combine(_directory, "store"), Path.Combine(_directory, "key"), Path.Combine(_directory, "target"));
        await NodeAgentCommand.RunAsync("repo", "init", "--repo", store, "--generate-key", key);
        // What a container of 340 MiB leaves to the heap, and far less than 64 workers would take.
        var small = new Dictionary<string, string> { ["DOTNET_PROCESSOR_COUNT"] = "64", ["DOTNET_GCHeapHardLimit"] = "10000000" };
        // That the limit is one: native code takes no prefix, and would go without. Nothing starts in one MiB.
        var none = new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "100000" };
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => NodeAgentCommand.RunAsync(none, ["--version"]));
        await NodeAgentCommand.RunAsync(small, ["snapshot", "create", source, "--repo", store, "--key-file", key]);
        await NodeAgentCommand.RunAsync(small, ["snapshot", "restore", "latest", "--target", target, "--repo", store, "--key-file", key]);
        for (var i = 0; i < Files; i++)
        {
            new Random(i).NextBytes(content);
            var restored = await File.ReadAllBytesAsync(Path.Combine(target, $"file{i:00}"), TestContext.Current.CancellationToken);
            Assert.True(content.AsSpan().SequenceEqual(restored), $"file{i:00}");
        }
    }
}
