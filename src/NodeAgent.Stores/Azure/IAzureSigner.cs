namespace NodeAgent.Stores.Azure;

/// <summary>What lets requests in: the account's key, or tokens of a service principal.</summary>
internal interface IAzureSigner
{
    /// <summary>The value of a request's Authorization header.</summary>
    /// <param name="method">Of the request.</param>
    /// <param name="address">As it is sent, with its query.</param>
    /// <param name="headers">All headers that count, Content-Length where it is not 0.</param>
    /// <param name="cancellationToken">Stops it.</param>
    ValueTask<string> AuthorizeAsync(HttpMethod method, Uri address, IReadOnlyDictionary<string, string> headers, CancellationToken cancellationToken);

    /// <summary>The query that lets whoever has it do something with one blob until its time is over.</summary>
    /// <param name="name">The blob's, not encoded.</param>
    /// <param name="permissions">Letters of the service: r, c, w and d, in this order.</param>
    /// <param name="expires">By the server's clock; whole seconds count.</param>
    /// <param name="cancellationToken">Stops it.</param>
    ValueTask<string> QueryForAsync(string name, string permissions, DateTimeOffset expires, CancellationToken cancellationToken);
}
