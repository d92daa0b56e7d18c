using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>Takes HTTP messages from a socket, with what came too early kept for the next.</summary>
internal sealed class WireReader(Socket socket)
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;

    /// <summary>Up to and with the empty line; null when the other side is done.</summary>
    public async Task<byte[]?> ReadHeadAsync(int maxLength, CancellationToken token)
    {
        using var head = new MemoryStream();
        while (true)
        {
            if (_start == _end && !await FillAsync(token))
                return head.Length == 0 ? null : throw new IOException("the connection ended within a head");
            head.WriteByte(_buffer[_start++]);
            if (head.Length >= 4 && head.GetBuffer().AsSpan((int)head.Length - 4, 4).SequenceEqual("\r\n\r\n"u8)) return head.ToArray();
            if (head.Length > maxLength) throw new IOException("the head is too long");
        }
    }

    public async Task ReadExactlyAsync(Memory<byte> destination, CancellationToken token)
    {
        while (destination.Length > 0)
        {
            if (_start == _end && !await FillAsync(token)) throw new IOException("the connection ended within a body");
            var part = Math.Min(destination.Length, _end - _start);
            _buffer.AsMemory(_start, part).CopyTo(destination);
            _start += part;
            destination = destination[part..];
        }
    }

    /// <summary>A whole answer.</summary>
    public async Task<WireAnswer> ReadAnswerAsync(string method, int maxHead, CancellationToken token)
    {
        byte[] head;
        int status;
        do
        {
            head = await ReadHeadAsync(maxHead, token) ?? throw new IOException("the server closed the connection");
            status = int.Parse(Encoding.ASCII.GetString(head, 9, 3), CultureInfo.InvariantCulture);
        }
        while (status == 100);
        var lines = Encoding.ASCII.GetString(head).ToLowerInvariant().Split("\r\n");
        var keepsOpen = !lines.Contains("connection: close");
        if (method == "HEAD" || status is 204 or 304) return new WireAnswer(status, head, [], keepsOpen);
        if (lines.Contains("transfer-encoding: chunked")) return new WireAnswer(status, head, await ReadChunksAsync(maxHead, token), keepsOpen);
        var length = lines.FirstOrDefault(l => l.StartsWith("content-length:", StringComparison.Ordinal));
        var body = new byte[length is null ? 0 : int.Parse(length["content-length:".Length..], CultureInfo.InvariantCulture)];
        await ReadExactlyAsync(body, token);
        return new WireAnswer(status, head, body, keepsOpen);
    }

    private async Task<byte[]> ReadChunksAsync(int maxLine, CancellationToken token)
    {
        using var body = new MemoryStream();
        while (true)
        {
            var line = await ReadLineAsync(maxLine, token);
            body.Write(line);
            var size = int.Parse(Encoding.ASCII.GetString(line).Split(';')[0].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var chunk = new byte[size + 2];
            await ReadExactlyAsync(chunk, token);
            body.Write(chunk);
            if (size == 0) return body.ToArray();
        }
    }

    private async Task<byte[]> ReadLineAsync(int maxLength, CancellationToken token)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (line.Count < 2 || line[^1] != '\n')
        {
            await ReadExactlyAsync(one, token);
            line.Add(one[0]);
            if (line.Count > maxLength) throw new IOException("the line is too long");
        }

        return [.. line];
    }

    private async Task<bool> FillAsync(CancellationToken token)
    {
        _start = 0;
        _end = await socket.ReceiveAsync(_buffer, token);
        return _end > 0;
    }
}
