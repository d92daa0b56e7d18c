using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Opens files on which other programs have leases, as file servers do for their clients (kernel oplocks of Samba). An open that does not wait is refused, though it has the lease
/// asked back: it is tried again until the lease is given back. What is waited is bounded for a run, because anybody may take leases on all of his files and keep them. For the
/// walk's thread alone.
/// </summary>
/// <param name="total">What may be waited in all.</param>
internal sealed class LeaseWait(TimeSpan total)
{
    /// <summary>For a run: enough for a file server whose clients answer, and little beside a backup.</summary>
    public static readonly TimeSpan Usual = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan LongestOfFile = TimeSpan.FromSeconds(5), FirstDelay = TimeSpan.FromMilliseconds(5), LongestDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>What was waited.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Opens a file to read; the handle is the caller's.</summary>
    /// <exception cref="FileSystemException">With <see cref="Errno.WouldBlock"/>: the lease was not given back.</exception>
    public async ValueTask<DirectoryHandle> OpenToReadAsync(DirectoryHandle directory, byte[] name, CancellationToken cancellationToken)
    {
        var most = Waited + Shorter(LongestOfFile, total - Waited);
        for (var delay = FirstDelay; ; delay = Shorter(delay * 2, LongestDelay))
        {
            try
            {
                return Files.OpenToRead(directory, name);
            }
            catch (FileSystemException failure) when (failure.Error == Errno.WouldBlock && Waited < most)
            {
                delay = Shorter(delay, most - Waited);
                Waited += delay;
            }

            await Task.Delay(delay, cancellationToken);
        }
    }

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
