using System.Net;
using NodeAgent.Hosting.Endpoints;

namespace NodeAgent.Hosting.Tests.Endpoints;

public sealed class ListenAddressTests
{
    [Theory]
    [InlineData(":8085", null, 8085)]
    [InlineData("127.0.0.1:0", "127.0.0.1", 0)]
    [InlineData("0.0.0.0:65535", "0.0.0.0", 65535)]
    [InlineData("[::1]:8085", "::1", 8085)]
    [InlineData("localhost:80", "127.0.0.1", 80)]
    public void Addresses_are_read_as_flags_have_them(string text, string? address, int port) =>
        Assert.Equal(new ListenAddress(address is null ? null : IPAddress.Parse(address), port), ListenAddress.Parse(text));

    [Theory]
    [InlineData("", "the port is missing")]
    [InlineData("8085", "the port is missing")]
    [InlineData("127.0.0.1", "the port is missing")]
    [InlineData(":", "is no port number")]
    [InlineData(":65536", "is no port number")]
    [InlineData(":-1", "is no port number")]
    [InlineData(":+1", "is no port number")]
    [InlineData("::1:8085", "is no IP address")]
    [InlineData("[::1:8085", "is no IP address")]
    [InlineData("[127.0.0.1]:1", "is no IP address")]
    [InlineData("example.com:80", "is no IP address")]
    public void Others_are_refused_with_the_reason(string text, string problem)
    {
        var error = Assert.Throws<FormatException>(() => ListenAddress.Parse(text));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }
}
