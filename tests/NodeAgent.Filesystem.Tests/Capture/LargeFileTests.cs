using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class LargeFileTests
{
    /// <summary>Many chunks in a file that is no burden.</summary>
    private static readonly RepositoryParameters SmallChunks = RepositoryParameters.Default with { PackTarget = 1 << 20, Chunker = new ChunkerParameters(16 << 10, 32 << 10, 1 << 20) };

    [Fact]
    public async Task A_file_is_the_same_chunks_in_the_same_order_whatever_the_number_of_workers()
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        // A part that occurs again, a part of zeros, and lengths around those of the windows in which it is read.
        var part = random.Bytes(3 << 20);
        File.WriteAllBytes(test.InSource("file"), [.. part, .. random.Bytes(random.Next(5 << 20)), .. new byte[2 << 20], .. part, .. random.Bytes(random.Next(1 << 20))]);
        var contents = new List<FileContent>();
        foreach (var workers in new[] { 1, 2, 3, 8 })
        {
            var result = await test.RunAsync(request => request with { Workers = workers, ForceReread = true });
            Assert.Equal(0, result.Manifest.IssueCount);
            contents.Add((await test.FindAsync(result.Manifest, "file")).Content!);
        }

        Assert.All(contents, content => Assert.Equal(Ids(contents[0]), Ids(content)));
        Assert.Equal(new FileInfo(test.InSource("file")).Length, contents[0].Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Files_with_holes_beside_small_files_come_back_as_they_were(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        for (var file = 0; file < 3; file++)
        {
            using var stream = File.Create(test.InSource($"file {file}"));
            for (var part = 0; part < 6; part++)
            {
                stream.Seek(random.Next(4) << 20, SeekOrigin.Current);
                stream.Write(random.Bytes(1 + random.Next(2 << 20)));
            }

            stream.SetLength(stream.Length + (random.Next(3) << 20));
        }

        for (var file = 0; file < 300; file++) File.WriteAllBytes(test.InSource($"small {file}"), random.Bytes(random.Next(20_000)));
        var result = await test.RunAsync(request => request with { Workers = workers });
        Assert.Equal(0, result.Manifest.IssueCount);
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        test.ExpectSameTree();
        await test.CheckAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public async Task A_store_that_fails_in_the_middle_of_a_file_ends_the_backup_with_its_reason(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        File.WriteAllBytes(test.InSource("file"), random.Bytes(24 << 20));
        var packs = 0;
        test.Store.BeforePut = key =>
            key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref packs) == 4 ? throw new IOException("the disk is full, on purpose") : Task.CompletedTask;
        var run = test.RunAsync(request => request with { Workers = workers });
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => run.WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation));
        Assert.Contains("the disk is full, on purpose", failure.Message, StringComparison.Ordinal);

        test.Store.BeforePut = _ => Task.CompletedTask;
        var result = await test.RunAsync(request => request with { Workers = workers });
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        test.ExpectSameTree();
    }

    private static string Ids(FileContent content) => content switch
    {
        ChunkList list => string.Join(' ', list.Items),
        IndirectList list => list.ToString(),
        _ => throw new ArgumentException($"a large file is a list of chunks, not {content}"),
    };
}
