using System.Net.Sockets;
using System.Security.Authentication;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Requests;

/// <summary>A failed request as a store judges it: whether to try again, and what to tell.</summary>
internal sealed record RequestFailure(StoreFailure Kind, string Why, string? Hint = null)
{
    private const int MaxServerMessage = 200;

    /// <summary>Whether it may work when tried again.</summary>
    public bool IsRetryable => Kind == StoreFailure.Transient;

    /// <summary>Whether the endpoint asks for less load.</summary>
    public bool IsThrottling { get; init; }

    /// <summary>Whether no connection came about: the request was never seen.</summary>
    public bool IsUnreachable { get; init; }

    /// <summary>The HTTP status; 0 when there was no answer.</summary>
    public int Status { get; init; }

    /// <summary>The server's word for it; empty when there is none.</summary>
    public string Code { get; init; } = "";

    /// <summary>Whether the request may have been carried out all the same.</summary>
    public bool IsAmbiguous => !IsUnreachable && Status is 0 or 408 or (>= 500 and not 501);

    /// <summary>Judges an exception of the connection, to which no server has answered; null for one that is none.</summary>
    public static RequestFailure? OfConnection(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case AuthenticationException:
                    return new(StoreFailure.Other, "the server's certificate is not trusted", "give the CA certificate of the endpoint, or skip the verification") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                    return new(StoreFailure.Transient, "the host name is not known", "check the endpoint, the region and the DNS") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return new(StoreFailure.Transient, "nothing listens at the endpoint", "check its address and port, and whether the server runs") { IsUnreachable = true };
                case SocketException { SocketErrorCode: SocketError.NetworkUnreachable or SocketError.HostUnreachable } socket:
                    return new(StoreFailure.Transient, socket.Message, "check the network and the endpoint's address") { IsUnreachable = true };
                case TimeoutException timeout:
                    return new(StoreFailure.Transient, timeout.Message, "check the network");
            }
        }

        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is IOException or HttpRequestException or SocketException) return new(StoreFailure.Transient, $"the connection broke: {OneLine(e.Message)}");
        }

        return exception is OperationCanceledException
            ? new(StoreFailure.Transient, "no connection within the time for it", "check the network and the endpoint's address") { IsUnreachable = true }
            : null;
    }

    /// <summary>One line of text that others wrote.</summary>
    public static string OneLine(string text)
    {
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim().TrimEnd('.');
        return line.Length <= MaxServerMessage ? line : line[..MaxServerMessage] + "...";
    }
}
