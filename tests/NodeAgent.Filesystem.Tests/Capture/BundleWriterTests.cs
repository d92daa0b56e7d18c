using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class BundleWriterTests
{
    /// <summary>Many times what a run takes: only one that waits for itself gets there.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>A small file, then a great many directories: each takes two places in the queue, and so does what is left on the way up.</summary>
    [Theory]
    [InlineData(0, 5000, 1)]
    [InlineData(4, 2200, 1)]
    [InlineData(40, 300, 10)]
    [InlineData(1900, 1200, 1)]
    [InlineData(1, 3, 1900)]
    public async Task A_bundle_ends_before_the_queue_is_full_of_directories(int depthOfFile, int chains, int depthOfChains)
    {
        await using var test = await TestBackup.CreateAsync();
        var path = string.Concat(Enumerable.Repeat("a/", depthOfFile)) + "f";
        Directory.CreateDirectory(Path.GetDirectoryName(test.InSource(path))!);
        File.WriteAllBytes(test.InSource(path), SeededRandom.Create().Bytes(1000));
        var below = string.Concat(Enumerable.Repeat("/d", depthOfChains - 1));
        for (var chain = 0; chain < chains; chain++) Directory.CreateDirectory(test.InSource($"z{chain}{below}"));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestBackup.Cancellation);
        patience.CancelAfter(Patience);

        var result = await test.RunAsync(cancellation: patience.Token);

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        Assert.Equal(1 + depthOfFile + (chains * depthOfChains), result.Manifest.Stats.Directories);
        var file = await test.FindAsync(result.Manifest, path);
        // Were it stored in any other way, this would not test bundles.
        Assert.IsType<BundleSlice>(file.Content);
        Assert.Equal(1000, file.Size);
    }
}
