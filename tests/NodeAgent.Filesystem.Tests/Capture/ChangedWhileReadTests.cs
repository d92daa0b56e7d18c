using System.Diagnostics;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>An entry says of a file what was true when its content was read.</summary>
public sealed class ChangedWhileReadTests
{
    [Fact]
    public async Task What_is_written_after_a_change_of_mode_never_has_the_mode_of_before()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var path = test.InSource("large");
        File.WriteAllBytes(path, SeededRandom.Create().Bytes(24 << 20));
        SetOrSkip(path, "old");
        test.Shell("chmod 644 large");
        test.OnFirstPack(() =>
        {
            test.Shell("chmod 600 large");
            SetOrSkip(path, "new");
            using var file = new FileStream(path, FileMode.Append);
            file.Write("a secret"u8);
        });

        var result = await test.RunAsync();

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        ExpectAsItIs(await test.FindAsync(result.Manifest, "large"), path, 0x180, "new");
    }

    /// <summary>The values of the first file's attributes are stored between the look at it and its reading; there the store waits.</summary>
    [Fact]
    public async Task A_small_file_that_has_become_a_large_one_has_the_metadata_of_the_large_one()
    {
        await using var test = await TestBackup.CreateAsync(RepositoryParameters.Default with { PackTarget = 64 << 10 });
        using var from = MountedTmpfs.AtOrSkip(test.InSource("mounted"), "size=64m");
        var random = SeededRandom.Create();
        var path = test.InSource("mounted", "file");
        File.WriteAllBytes(path, random.Bytes(10_000));
        SetOrSkip(path, "old");
        for (var i = 0; i < 400; i++) Set(path, $"trusted.{i}", random.Bytes(60_000));
        test.Shell("chmod 644 mounted/file; touch -d 2020-01-01 mounted/file");
        test.OnFirstPack(() =>
        {
            test.Shell("chmod 600 mounted/file");
            SetOrSkip(path, "new");
            using var file = new FileStream(path, FileMode.Append);
            file.Write(random.Bytes(10_000));
        });

        var result = await test.RunAsync(request => request with { SourcePath = test.InSource("mounted"), Workers = 1 });

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        var entry = await test.FindAsync(result.Manifest, "file");
        Assert.Equal(20_000, entry.Size);
        ExpectAsItIs(entry, path, 0x180, "new");
    }

    /// <summary>What a process was given in its environment has 0 as its size, as large files of some FUSE file systems have.</summary>
    [Theory]
    [InlineData(1, 17_000)]
    [InlineData(12, 120_000)]
    public async Task A_large_file_whose_size_says_nothing_is_read_to_its_end(int variables, int length)
    {
        // A window takes the largest chunk and 1 MiB: the longer one is read in two.
        await using var test = await TestBackup.CreateAsync(RepositoryParameters.Default with { Chunker = new ChunkerParameters(16 << 10, 32 << 10, 64 << 10), Bundles = new BundleParameters(16 << 10, 32 << 10, 64 << 10, 4) });
        var random = SeededRandom.Create();
        var start = new ProcessStartInfo("sleep", "600");
        start.Environment.Clear();
        for (var i = 0; i < variables; i++) start.Environment[$"V{i}"] = Convert.ToHexString(random.Bytes(length / 2));
        using var process = Process.Start(start)!;
        try
        {
            var directory = $"/proc/{process.Id}";
            // Until its program runs it has the environment of this process, or none.
            var expected = File.ReadAllBytes($"{directory}/environ");
            for (var i = 0; i < 2000 && (expected.Length < variables * length || expected[0] != 'V'); i++)
            {
                await Task.Delay(5, TestBackup.Cancellation);
                expected = File.ReadAllBytes($"{directory}/environ");
            }

            Assert.InRange(expected.Length, variables * length, (variables * length) + 1000);

            var result = await test.RunAsync(request => request with { SourcePath = $"{directory}/environ" });

            var entry = await test.FindAsync(result.Manifest, "environ");
            Assert.Equal(expected.Length, entry.Size);
            await test.RestoreAsync(result.Manifest);
            Assert.Equal(expected, File.ReadAllBytes(test.InTarget("environ")));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static void ExpectAsItIs(TreeEntry entry, string path, uint mode, string note)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        var status = Files.Status(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)));
        Assert.Equal((mode, status.Size, status.Modified, status.Changed), (entry.Mode, entry.Size, entry.Modified, entry.Changed));
        Assert.Equal(note, Encoding.UTF8.GetString(entry.ExtendedAttributes.Single(a => Encoding.UTF8.GetString(a.Name.Span) == "trusted.note").Value.Span));
        Assert.False(entry.ChangedWhileRead);
    }

    private static void SetOrSkip(string path, string note)
    {
        try
        {
            Set(path, "trusted.note", Encoding.UTF8.GetBytes(note));
        }
        catch (FileSystemException failure) when (failure.Error is Errno.NotSupported or Errno.NotPermitted)
        {
            Assert.Skip($"attributes cannot be set here: {failure.Reason}");
        }
    }

    private static void Set(string path, string name, ReadOnlySpan<byte> value)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        using var file = Files.Open(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.PathOnly);
        Files.SetAttributeOfNamed(file, Encoding.UTF8.GetBytes(name), value);
    }
}
