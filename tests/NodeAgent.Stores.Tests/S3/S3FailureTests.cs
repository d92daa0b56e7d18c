using System.Net.Sockets;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.S3;

public sealed class S3FailureTests
{
    [Theory]
    [InlineData(SocketError.NotConnected)]
    [InlineData(SocketError.ConnectionReset)]
    [InlineData(SocketError.Shutdown)]
    public void A_socket_that_breaks_before_it_is_a_stream_is_a_broken_connection(SocketError error)
    {
        var failure = S3Failure.Of(new SocketException((int)error), new S3StoreOptions { Bucket = "b" });
        Assert.Equal(StoreFailure.Transient, failure!.Kind);
        Assert.StartsWith("the connection broke: ", failure.Why, StringComparison.Ordinal);
        Assert.True(failure.IsAmbiguous);
    }
}
