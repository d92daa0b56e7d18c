using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using NodeAgent.Controller.Restores;

namespace NodeAgent.Controller.Tests.Restores;

public sealed class BackupArchiveTests
{
    [Fact]
    public async Task Only_plain_paths_of_the_format_are_taken_and_none_leaves_the_directory()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var work = Directory.CreateTempSubdirectory("archive-test-");
        try
        {
            using var content = Pack(
                "metadata/version", "resources/pods/namespaces/shop/web.json", "resources/pods/v1-preferredversion/namespaces/shop/web.json",
                "resources/persistentvolumes/cluster/pv.json", "../../evil.json", "resources/pods/namespaces/../x.json", "resources/../../../tmp/cluster/x.json", "/etc/passwd");
            using (var archive = await BackupArchive.OpenAsync(content, work.FullName, 1 << 20, cancellation))
            {
                Assert.Equal(["persistentvolumes", "pods"], archive.Resources.Order());
                Assert.Equal("web", Assert.Single(archive.Items("pods")).Name);
                Assert.Empty(await BackupArchive.ReadAsync(archive.Items("pods")[0], cancellation));
                // What a process that is killed now would leave behind.
                Assert.Empty(Directory.EnumerateFileSystemEntries(work.FullName));
            }

            Assert.Empty(Directory.EnumerateFileSystemEntries(work.FullName));
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_archive_beyond_the_limit_is_refused_and_leaves_nothing_behind()
    {
        var work = Directory.CreateTempSubdirectory("archive-test-");
        try
        {
            using var content = Pack(Enumerable.Range(0, 50).Select(i => $"resources/pods/namespaces/shop/p{i}.json").ToArray());
            var error = await Assert.ThrowsAsync<InvalidDataException>(() => BackupArchive.OpenAsync(content, work.FullName, 40, TestContext.Current.CancellationToken));
            Assert.Contains("max-backup-extraction-size", error.Message, StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFileSystemEntries(work.FullName));
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_is_found_or_changes_nothing()
    {
        var work = Directory.CreateTempSubdirectory("archive-test-");
        try
        {
            using var content = Pack("resources/pods/namespaces/shop/web.json", "resources/configmaps/namespaces/shop/settings.json");
            var intact = content.ToArray();
            var found = 0;
            for (var i = 0; i < intact.Length; i++)
            {
                var damaged = (byte[])intact.Clone();
                damaged[i] ^= (byte)(1 << (i % 8));
                try
                {
                    using var archive = await BackupArchive.OpenAsync(new MemoryStream(damaged), work.FullName, 1 << 20, TestContext.Current.CancellationToken);
                    // Some bits mean nothing: the time in the gzip header, codes of symbols that do not occur.
                    Assert.Equal(["web"], archive.Items("pods").Select(p => p.Name));
                    Assert.Equal(["settings"], archive.Items("configmaps").Select(p => p.Name));
                    Assert.Empty(await BackupArchive.ReadAsync(archive.Items("pods")[0], TestContext.Current.CancellationToken));
                }
                catch (InvalidDataException)
                {
                    found++;
                }
            }

            Assert.True(found >= intact.Length * 9 / 10, $"{found} of {intact.Length} damages found");
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_archive_cut_off_anywhere_is_refused()
    {
        var work = Directory.CreateTempSubdirectory("archive-test-");
        try
        {
            using var content = Pack("resources/pods/namespaces/shop/web.json", "resources/configmaps/namespaces/shop/settings.json");
            var intact = content.ToArray();
            for (var length = 0; length < intact.Length; length++)
            {
                await Assert.ThrowsAsync<InvalidDataException>(() =>
                    BackupArchive.OpenAsync(new MemoryStream(intact[..length]), work.FullName, 1 << 20, TestContext.Current.CancellationToken));
            }
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static MemoryStream Pack(params string[] paths)
    {
        var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
        {
            foreach (var path in paths) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes("{}")) });
        }

        buffer.Position = 0;
        return buffer;
    }
}
