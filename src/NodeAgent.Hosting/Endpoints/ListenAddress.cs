using System.Globalization;
using System.Net;

namespace NodeAgent.Hosting.Endpoints;

/// <summary>Where a server listens. The address is null for all of the machine's; port 0 takes any free one.</summary>
public sealed record ListenAddress(IPAddress? Address, int Port)
{
    /// <summary>Reads what flags have: <c>:8085</c>, <c>127.0.0.1:0</c>, <c>[::1]:8085</c>, <c>localhost:8085</c>.</summary>
    /// <exception cref="FormatException">The text is none of these; the message says what is wrong.</exception>
    public static ListenAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.LastIndexOf(':');
        if (colon < 0) throw Bad(text, "the port is missing");
        var (host, port) = (text[..colon], text[(colon + 1)..]);
        if (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > ushort.MaxValue)
            throw Bad(text, $"\"{port}\" is no port number from 0 to 65535");
        if (host.Length == 0) return new ListenAddress(null, number);
        if (host == "localhost") return new ListenAddress(IPAddress.Loopback, number);
        var isBracketed = host.StartsWith('[') && host.EndsWith(']');
        // Without brackets, the last part of an IPv6 address would be taken for the port.
        if (host.Contains(':', StringComparison.Ordinal) != isBracketed || !IPAddress.TryParse(isBracketed ? host[1..^1] : host, out var address))
            throw Bad(text, $"\"{host}\" is no IP address");
        return new ListenAddress(address, number);
    }

    private static FormatException Bad(string text, string problem) =>
        new($"listen address \"{text}\": {problem} (write :8085, 127.0.0.1:8085 or [::1]:8085)");
}
