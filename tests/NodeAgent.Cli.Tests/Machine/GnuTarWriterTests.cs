using System.Diagnostics;
using System.Text;
using NodeAgent.Cli.Machine;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class GnuTarWriterTests
{
    [Fact]
    public async Task Tar_reads_long_names_odd_bytes_links_and_old_times()
    {
        using var directory = new TemporaryDirectory();
        var longName = Encoding.ASCII.GetBytes("d/" + string.Concat(Enumerable.Repeat("long-", 40)));
        await using (var file = File.Create(directory["a.tar"]))
        {
            var writer = new GnuTarWriter(file);
            await AddAsync(writer, file, new TarHeader { Type = GnuTarWriter.Directory, Name = "d/"u8.ToArray(), Mode = 0x1ed });
            await AddAsync(writer, file, new TarHeader { Type = GnuTarWriter.RegularFile, Name = longName, Mode = 0x9a4, Size = 5, UserId = 3_000_000, ModifiedSeconds = -86400 }, "hello");
            await AddAsync(writer, file, new TarHeader { Type = GnuTarWriter.RegularFile, Name = new byte[] { (byte)'d', (byte)'/', 0xe9 }, Mode = 0x1a4, Size = 512 }, new string('x', 512));
            await AddAsync(writer, file, new TarHeader { Type = GnuTarWriter.HardLink, Name = "d/hard"u8.ToArray(), LinkTarget = longName });
            await AddAsync(writer, file, new TarHeader { Type = GnuTarWriter.SymbolicLink, Name = "d/soft"u8.ToArray(), LinkTarget = longName, Mode = 0x1ff });
            await writer.EndAsync(TestContext.Current.CancellationToken);
        }

        var lines = (await TarAsync("--numeric-owner", "--utc", "--quoting-style=escape", "-tvf", directory["a.tar"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.Matches(@"^-rwSr--r-- 3000000/0 +5 1969-12-31 00:00 d/long-", lines[1]);
        Assert.EndsWith(@"d/\351", lines[2], StringComparison.Ordinal);
        Assert.Contains("link to d/long-", lines[3], StringComparison.Ordinal);
        await TarAsync("--no-same-owner", "-xf", directory["a.tar"], "-C", directory.Path);
        Assert.Equal("hello", File.ReadAllText(directory["d/hard"]));
    }

    private static async Task AddAsync(GnuTarWriter writer, Stream file, TarHeader header, string content = "")
    {
        await writer.WriteHeaderAsync(header, TestContext.Current.CancellationToken);
        await file.WriteAsync(Encoding.ASCII.GetBytes(content), TestContext.Current.CancellationToken);
        await writer.WritePaddingAsync(content.Length, TestContext.Current.CancellationToken);
    }

    private static async Task<string> TarAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("tar", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        return (await Processes.NodeAgentProcess.FinishAsync(process, output, error)).Expect(0).Output;
    }
}
