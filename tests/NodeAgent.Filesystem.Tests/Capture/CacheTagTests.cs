using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class CacheTagTests
{
    private const string Tag = "CACHEDIR.TAG", Signature = "Signature: 8a477f597d28d172789f06886806bc55";

    [Fact]
    public async Task Only_a_regular_file_with_the_signature_marks_a_cache()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell($"""
            mkdir cache directory fifo link short
            printf '%s and more' '{Signature}' > cache/{Tag}
            mkdir directory/{Tag}
            mkfifo fifo/{Tag}
            ln -s ../cache/{Tag} link/{Tag}
            printf Signature > short/{Tag}
            for d in *; do echo x > "$d/file"; done
            """);

        var result = await test.RunAsync(request => request with { ExcludeCaches = true });

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        Assert.Null(await test.TryFindAsync(result.Manifest, "cache/file"));
        foreach (var kept in (string[])["cache", "directory", "fifo", "link", "short"]) Assert.NotNull(await test.TryFindAsync(result.Manifest, $"{kept}/{Tag}"));
        foreach (var kept in (string[])["directory", "fifo", "link", "short"]) Assert.NotNull(await test.TryFindAsync(result.Manifest, $"{kept}/file"));
    }

    [Fact]
    public async Task A_tag_that_cannot_be_read_costs_nothing_but_itself()
    {
        await using var test = await TestBackup.CreateAsync();
        using var mounted = MadeUpFileSystem.AtOrSkip(
            test.InSource("mounted"), new MadeUpFile(Tag) { Content = Encoding.UTF8.GetBytes(Signature), ReadError = Errno.InputOutput }, new MadeUpFile("file") { Content = [1] });

        var result = await test.RunAsync(request => request with { ExcludeCaches = true });

        Assert.Equal($"mounted/{Tag}", Encoding.UTF8.GetString(Assert.Single(result.Manifest.Issues).Path));
        Assert.True((await test.FindAsync(result.Manifest, $"mounted/{Tag}")).UnreadableContent);
        Assert.NotNull(await test.TryFindAsync(result.Manifest, "mounted/file"));
    }
}
