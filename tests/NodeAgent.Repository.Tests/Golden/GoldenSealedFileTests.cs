using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.SealedFiles;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>Sealed files of version 1 are read as they were written, and the bytes are those that docs/format.md describes.</summary>
public sealed class GoldenSealedFileTests
{
    private const string Name = "backups/golden/golden-logs.gz";
    private const int Salt = 0x88;

    private static string Folder { get; } = Path.Combine(Path.GetDirectoryName(GoldenFiles.Folder)!, "sealed-file-v1");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>More than a segment, and as text it takes little room.</summary>
    private static byte[] LongContent { get; } = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i % 10} golden text that compresses\n")));

    [Fact]
    public async Task Golden_sealed_files_are_written_when_the_environment_says_so_and_there_are_none()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("NODEAGENT_WRITE_GOLDEN") == "1" && !Directory.Exists(Folder), "NODEAGENT_WRITE_GOLDEN is not 1, or they are there");
        Directory.CreateDirectory(Folder);
        using var gzip = new MemoryStream();
        using (var compressing = new GZipStream(gzip, CompressionLevel.Optimal, leaveOpen: true)) compressing.Write(LongContent);
        await File.WriteAllBytesAsync(Path.Combine(Folder, "gzip"), await SealAsync(gzip.ToArray(), Header(SealedFileForm.ContentOfGzip, CipherSuite.Aes256Gcm)), Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(Folder, "whole"), await SealAsync("golden"u8.ToArray(), Header(SealedFileForm.Whole, CipherSuite.ChaCha20Poly1305)), Cancellation);
    }

    [Theory]
    [InlineData("gzip", "4e41474601010000000102030405060708090a0b0c0d0e0f01000100000000008888888888888888888888888888888888888888888888888888888888888888")]
    [InlineData("whole", "4e41474601000000000102030405060708090a0b0c0d0e0f01000200000000008888888888888888888888888888888888888888888888888888888888888888")]
    public async Task A_sealed_file_begins_as_documented_and_is_read(string file, string header)
    {
        var content = await File.ReadAllBytesAsync(Path.Combine(Folder, file), Cancellation);
        Assert.Equal(header, Convert.ToHexStringLower(content.AsSpan(0, 64)));
        using var keys = Keys();
        var read = SealedFileHeader.Read(content, Name);
        using var key = keys.KeyOf(read, Name);
        using var sealedFile = new MemoryStream(content[64..]);
        using var output = new MemoryStream();
        await SealedFile.OpenAsync(Name, Name, read, key, sealedFile, output, long.MaxValue, Cancellation);
        if (file == "whole")
        {
            Assert.Equal("golden"u8.ToArray(), output.ToArray());
            return;
        }

        output.Position = 0;
        using var gzip = new GZipStream(output, CompressionMode.Decompress);
        using var opened = new MemoryStream();
        await gzip.CopyToAsync(opened, Cancellation);
        Assert.Equal(LongContent, opened.ToArray());
    }

    [Fact]
    public async Task A_sealed_file_that_does_not_compress_is_written_again_as_the_same_bytes()
    {
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Folder, "whole"), Cancellation), await SealAsync("golden"u8.ToArray(), Header(SealedFileForm.Whole, CipherSuite.ChaCha20Poly1305)));
    }

    [Fact]
    public async Task The_page_on_the_format_is_enough_to_open_one()
    {
        var content = await File.ReadAllBytesAsync(Path.Combine(Folder, "whole"), Cancellation);
        byte[] material = [.. Enumerable.Repeat((byte)0x41, 32), .. Enumerable.Repeat((byte)Salt, 32)];
        var key = new byte[32];
        Blake3.DeriveKey("NodeAgent 2026 repository v1 sealed file key", material, key);
        // One segment of 14 bytes of text, the last: its inner header says not compressed and 6 bytes.
        Assert.Equal("0e000080", Convert.ToHexStringLower(content.AsSpan(64, 4)));
        Assert.Equal(64 + 4 + 14 + 16, content.Length);
        var text = new byte[14];
        using var cipher = new ChaCha20Poly1305(key);
        cipher.Decrypt(new byte[12], content.AsSpan(68, 14), content.AsSpan(82, 16), text, [.. content[..64], 1, .. Encoding.UTF8.GetBytes(Name)]);
        Assert.Equal("0000000006000000676f6c64656e", Convert.ToHexStringLower(text));
    }

    private static SealedFileKeys Keys() => new(RootKeys.Parse(GoldenFiles.RootKeys), GoldenFiles.RepositoryId);

    private static SealedFileHeader Header(SealedFileForm form, CipherSuite suite) => new(form, GoldenFiles.RepositoryId, new SessionIdentity(1, suite, GoldenFiles.Salt(Salt)));

    private static async Task<byte[]> SealAsync(byte[] file, SealedFileHeader header)
    {
        using var keys = Keys();
        using var key = keys.KeyOf(header, Name);
        using var input = new MemoryStream(file, writable: false);
        using var output = new MemoryStream();
        await SealedFile.SealAsync(Name, input, header, key, output, Cancellation);
        return output.ToArray();
    }
}
