using System.Text;

namespace NodeAgent.Controller.Hooks;

/// <summary>The beginning of what a hook prints, for the log; more of it helps nobody.</summary>
internal sealed class HookOutput : MemoryStream
{
    private const int MaxBytes = 4096;

    public override string ToString() => Encoding.UTF8.GetString(GetBuffer(), 0, (int)Length).Trim();

    public override void Write(ReadOnlySpan<byte> buffer) => base.Write(buffer[..Math.Min(buffer.Length, MaxBytes - (int)Length)]);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }
}
