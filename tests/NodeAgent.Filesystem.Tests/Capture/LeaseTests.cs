using System.Runtime.InteropServices;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

[Collection(AloneTests.Name)]
public sealed partial class LeaseTests
{
    private const int SetLease = 1024, WriteLease = 1, Unlock = 2, SignalOfLeases = 29;

    /// <summary>As a file server does it for a client that has a file open: whoever else opens it has to wait until the client was asked.</summary>
    [Fact]
    public async Task A_file_with_a_lease_is_read_when_its_holder_has_given_it_back()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("leased"), "content");
        using var file = File.OpenHandle(test.InSource("leased"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var descriptor = (int)file.DangerousGetHandle();
        var asked = 0;
        // SIGIO would end the process.
        using var registration = PosixSignalRegistration.Create((PosixSignal)SignalOfLeases, context =>
        {
            context.Cancel = true;
            Interlocked.Increment(ref asked);
            _ = FileControl(descriptor, SetLease, Unlock);
        });
        Assert.SkipUnless(FileControl(descriptor, SetLease, WriteLease) == 0, "no lease can be taken here");

        var result = await test.RunAsync();

        Assert.Equal((SnapshotOutcome.Completed, 1), (result.Manifest.Outcome, asked));
        Assert.Equal("content"u8.ToArray(), Assert.IsType<InlineContent>((await test.FindAsync(result.Manifest, "leased")).Content).Bytes.ToArray());
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int descriptor, int command, int argument);
}
