using System.Runtime.InteropServices;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// An unbuffered stream over one of the process's own descriptors. Console's own stream swallows EPIPE, so a dump into a
/// closed pipe would decrypt to the end for nobody; and a FileStream keeps its own offset, so standard output and standard
/// error redirected to one file would overwrite each other.
/// </summary>
internal sealed class DescriptorStream(int descriptor) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var written = TerminalInterop.Write(descriptor, buffer, buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno == TerminalInterop.EINTR)
                continue;
            if (errno == TerminalInterop.EAGAIN)
            {
                // A descriptor that someone else made non-blocking: rare enough that a short spin does.
                Thread.Yield();
                continue;
            }

            if (errno == TerminalInterop.EPIPE)
                throw new OutputClosedException();
            throw new IOException($"write to standard output: {Marshal.GetPInvokeErrorMessage(errno)}");
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
