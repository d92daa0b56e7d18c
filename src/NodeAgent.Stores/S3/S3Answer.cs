using System.Globalization;
using Amazon.S3.Model;

namespace NodeAgent.Stores.S3;

/// <summary>What is read off answers.</summary>
internal static class S3Answer
{
    /// <summary>The object's length: that of the answer, or what stands after the slash of the range that it is.</summary>
    public static long LengthOf(GetObjectResponse answer) =>
        answer.ContentRange is { } range && long.TryParse(range.AsSpan(range.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : answer.ContentLength;

    /// <summary>The time with its zone; the earliest there is for none.</summary>
    public static DateTimeOffset Utc(DateTime? time) => time is { } known ? new DateTimeOffset(known.ToUniversalTime()) : default;

    /// <summary>Reads bytes and forgets them.</summary>
    public static async ValueTask SkipAsync(Stream stream, long count, CancellationToken token)
    {
        var buffer = new byte[(int)Math.Min(count, 64 * 1024)];
        for (var left = count; left > 0;)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(left, buffer.Length));
            await stream.ReadExactlyAsync(part, token);
            left -= part.Length;
        }
    }
}
