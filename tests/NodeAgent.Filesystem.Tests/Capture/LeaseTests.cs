using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

[Collection(AloneTests.Name)]
public sealed partial class LeaseTests
{
    private const int SetLease = 1024, WriteLease = 1, Unlock = 2, SetOwner = 8, SignalOfLeases = 29;

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
        // The kernel asks the thread that took it, and nobody when the pool has ended that one meanwhile. The first thread of the process stays.
        Assert.Equal(0, FileControl(descriptor, SetOwner, Environment.ProcessId));

        var result = await test.RunAsync();

        Assert.Equal((SnapshotOutcome.Completed, 1), (result.Manifest.Outcome, asked));
        Assert.Equal("content"u8.ToArray(), Assert.IsType<InlineContent>((await test.FindAsync(result.Manifest, "leased")).Content).Bytes.ToArray());
    }

    /// <summary>As anybody can do with his own files, to hold up the backup of everybody's.</summary>
    [Fact]
    public async Task A_lease_that_is_never_given_back_costs_one_issue()
    {
        await using var test = await TestBackup.CreateAsync();
        using var leases = Leases.OrSkip(test.InSource("a"), test.InSource("c"));
        File.WriteAllText(test.InSource("b"), "content");

        var result = await test.RunAsync(request => request with { LeaseWait = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(SnapshotOutcome.PartiallyFailed, result.Manifest.Outcome);
        Assert.Equal(["a", "c"], result.Manifest.Issues.Select(i => Encoding.UTF8.GetString(i.Path)));
        Assert.All(result.Manifest.Issues, issue => Assert.Equal(("open", "another program has a lease on it and does not give it back"), (issue.Operation, issue.Error)));
        Assert.True((await test.FindAsync(result.Manifest, "a")).UnreadableContent);
        Assert.Equal("content"u8.ToArray(), Assert.IsType<InlineContent>((await test.FindAsync(result.Manifest, "b")).Content).Bytes.ToArray());
    }

    [Fact]
    public async Task All_leases_of_a_run_cost_one_budget_of_waiting()
    {
        await using var test = await TestBackup.CreateAsync();
        string[] names = ["a", "b", "c", "d"];
        using var leases = Leases.OrSkip([.. names.Select(name => test.InSource(name))]);
        using var directory = Files.OpenRoot(test.Source);
        var budget = TimeSpan.FromMilliseconds(250);
        var wait = new LeaseWait(budget);

        foreach (var name in names)
        {
            var failure = await Assert.ThrowsAsync<FileSystemException>(async () => await wait.OpenToReadAsync(directory, Encoding.UTF8.GetBytes(name), TestBackup.Cancellation));
            Assert.Equal((Errno.WouldBlock, budget), (failure.Error, wait.Waited));
        }
    }

    [Fact]
    public async Task Waiting_for_a_lease_ends_when_the_run_is_cancelled()
    {
        await using var test = await TestBackup.CreateAsync();
        using var leases = Leases.OrSkip(test.InSource("a"));
        using var directory = Files.OpenRoot(test.Source);
        using var stop = new CancellationTokenSource();
        var wait = new LeaseWait(LeaseWait.Usual);

        var open = wait.OpenToReadAsync(directory, "a"u8.ToArray(), stop.Token).AsTask();
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => open);
        Assert.InRange(wait.Waited, TimeSpan.Zero, TimeSpan.FromSeconds(4));
    }

    /// <summary>Files with a write lease each, which is kept whatever the kernel asks.</summary>
    private sealed class Leases : IDisposable
    {
        // SIGIO would end the process, also one that comes after the test.
        private static PosixSignalRegistration? _ignored;

        private readonly List<SafeFileHandle> _files = [];

        public static Leases OrSkip(params string[] paths)
        {
            _ignored ??= PosixSignalRegistration.Create((PosixSignal)SignalOfLeases, context => context.Cancel = true);
            var leases = new Leases();
            foreach (var path in paths)
            {
                var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);
                leases._files.Add(file);
                if (FileControl((int)file.DangerousGetHandle(), SetLease, WriteLease) == 0) continue;
                leases.Dispose();
                Assert.Skip("no lease can be taken here");
            }

            return leases;
        }

        public void Dispose()
        {
            foreach (var file in _files) file.Dispose();
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int descriptor, int command, int argument);
}
