using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Cli.Tests.Machine;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Invocation;

/// <summary>Where there is no libzstd the program compresses with its own code, and repositories are the same for both.</summary>
public sealed class WithoutLibzstdTests
{
    private const string Library = "libzstd.so.1";

    [Fact]
    public async Task A_machine_with_libzstd_and_one_without_share_a_repository()
    {
        Assert.SkipWhen(OpenSslNeedsIt(), "OpenSSL does not load without libzstd here, so that it is always there");
        using var machine = await MachineRepository.CreateAsync();
        var (with, without) = (Logged(machine, "with", hide: false), Logged(machine, "without", hide: true));
        var isInstalled = NativeLibrary.TryLoad(Library, out _);

        var first = Text(1);
        machine.Put("first", first);
        (await machine.RunAsync(without, "snapshot", "create", machine.Source)).Expect(0);
        Assert.InRange(machine.Objects("data").Sum(pack => new FileInfo(pack).Length), 1, first.Length / 2);
        (await machine.RunAsync(with, "snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Equal(first, await File.ReadAllBytesAsync(Path.Combine(machine.Target, "first"), TestContext.Current.CancellationToken));

        var second = Text(2);
        machine.Put("second", second);
        (await machine.RunAsync(with, "snapshot", "create", machine.Source)).Expect(0);
        var again = machine.Files["again"];
        (await machine.RunAsync(without, "snapshot", "restore", "latest", "--target", again)).Expect(0);
        Assert.Equal(first, await File.ReadAllBytesAsync(Path.Combine(again, "first"), TestContext.Current.CancellationToken));
        Assert.Equal(second, await File.ReadAllBytesAsync(Path.Combine(again, "second"), TestContext.Current.CancellationToken));
        (await machine.RunAsync(without, "repo", "check", "--read-data")).Expect(0);

        Assert.Equal(isInstalled, Loads(machine, "with"));
        Assert.False(Loads(machine, "without"));
    }

    /// <summary>What the loader says of the libraries that it begins to use goes to files of this name.</summary>
    private static CommandEnvironment Logged(MachineRepository machine, string name, bool hide)
    {
        var variables = new Dictionary<string, string> { ["LD_DEBUG"] = "files", ["LD_DEBUG_OUTPUT"] = machine.Files[name] };
        if (hide)
        {
            // The loader takes the first file of a name, and when that is empty it looks no further: the system's is not found.
            foreach (var library in (string[])[Library, "libzstd.so"]) machine.Files.Write($"hidden/{library}", "");
            variables["LD_LIBRARY_PATH"] = machine.Files["hidden"];
        }

        return new CommandEnvironment { Variables = variables };
    }

    private static bool Loads(MachineRepository machine, string name)
    {
        var logs = Directory.GetFiles(machine.Files.Path, name + ".*");
        Assert.NotEmpty(logs);
        return logs.Any(log => File.ReadLines(log).Any(line => line.Contains("calling init: ", StringComparison.Ordinal) && line.Contains(Library, StringComparison.Ordinal)));
    }

    /// <summary>Whether OpenSSL was built to need it, as on some newer systems: the name is then among those in its file.</summary>
    private static bool OpenSslNeedsIt()
    {
        // Loads it into this process.
        SHA256.HashData([]);
        var mapping = File.ReadLines("/proc/self/maps").FirstOrDefault(line => line.Contains("/libcrypto.so", StringComparison.Ordinal));
        return mapping is not null && File.ReadAllBytes(mapping[mapping.IndexOf('/', StringComparison.Ordinal)..]).AsSpan().IndexOf("libzstd.so"u8) >= 0;
    }

    /// <summary>Some three megabytes.</summary>
    private static byte[] Text(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        while (text.Length < 3_000_000) text.Append(CultureInfo.InvariantCulture, $"record {random.Next(100_000)} status=ok word{random.Next(300)}\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }
}
