using System.Net;
using System.Net.Sockets;

namespace NodeAgent.Stores.Requests;

/// <summary>
/// Addresses that mean something only on the link that a machine is on. Clouds give a machine its identity there (169.254.169.254), so that whoever may write locations
/// could have a server ask for it; no store of a cluster is there.
/// </summary>
internal static class LinkLocal
{
    public const string Refusal = "is a link-local address, where clouds hand out the machine's own identity: no location can be there";

    /// <summary>The address of AWS's metadata service in IPv6, which is not link-local by its form.</summary>
    private static readonly IPAddress AwsMetadata = IPAddress.Parse("fd00:ec2::254");

    public static bool Has(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? address.GetAddressBytes() is [169, 254, ..]
            : address.IsIPv6LinkLocal || address.Equals(AwsMetadata);
    }

    /// <summary>Whether an address says so itself, in any of the forms of a number. What a name stands for is seen when it is connected to.</summary>
    public static bool IsNamedBy(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && IPAddress.TryParse(uri.DnsSafeHost, out var address) && Has(address);

    /// <summary>Connects to a name's addresses but for these.</summary>
    public static async ValueTask<Stream> ConnectAsync(DnsEndPoint endpoint, CancellationToken cancellation)
    {
        var found = IPAddress.TryParse(endpoint.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(endpoint.Host, cancellation);
        var usable = Array.FindAll(found, address => !Has(address));
        if (usable.Length == 0) throw new IOException(found.Length == 0 ? $"{endpoint.Host} has no address" : $"{endpoint.Host} ({found[0]}) {Refusal}");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(usable, endpoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
