using System.Buffers.Text;
using System.Diagnostics;

namespace NodeAgent.Repository.Sessions;

/// <summary>How much of the processors is idle: of those of the machine, as the kernel counts, and of those that this process may use, as far as it does not use them itself.</summary>
internal sealed class IdleProcessors
{
    private const string Source = "/proc/stat";

    /// <summary>user, nice, system, idle, iowait, irq, softirq and steal. What guests take is in the first two.</summary>
    private const int Times = 8;
    private const int Idle = 3, WaitingForDisks = 4;

    private (long Idle, long All)? _machine;
    private TimeSpan _own;
    private long _at;

    /// <summary>Share, 0 to 1, since it was last called; null the first time, and where the kernel does not say.</summary>
    public double? Measure()
    {
        var (machine, own, at) = (Read(), Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        double? share = null;
        if (_machine is { } before && machine is { } now && now.All > before.All)
        {
            var free = 1 - ((own - _own) / (Stopwatch.GetElapsedTime(_at, at) * Environment.ProcessorCount));
            share = Math.Clamp(Math.Min((double)(now.Idle - before.Idle) / (now.All - before.All), free), 0, 1);
        }

        (_machine, _own, _at) = (machine, own, at);
        return share;
    }

    /// <summary>The sum over all processors, which the first line has.</summary>
    internal static (long Idle, long All)? Parse(ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("cpu "u8)) return null;
        text = text[4..];
        long idle = 0, all = 0;
        for (var i = 0; i < Times; i++)
        {
            text = text.TrimStart((byte)' ');
            if (!Utf8Parser.TryParse(text, out long value, out var length)) return null;
            text = text[length..];
            all += value;
            if (i is Idle or WaitingForDisks) idle += value;
        }

        return (idle, all);
    }

    private static (long Idle, long All)? Read()
    {
        try
        {
            using var file = File.OpenHandle(Source);
            Span<byte> text = stackalloc byte[256];
            return Parse(text[..RandomAccess.Read(file, text, 0)]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }
}
