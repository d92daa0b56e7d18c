namespace NodeAgent.Stores.S3;

/// <summary>A request before it is signed.</summary>
/// <param name="Method">PUT, HEAD or DELETE.</param>
/// <param name="Address">Without a query.</param>
/// <param name="Headers">All of them, for the signature covers them.</param>
/// <param name="Body">For a PUT.</param>
internal sealed record SignedRequest(HttpMethod Method, Uri Address, IReadOnlyList<KeyValuePair<string, string>> Headers, ReadOnlyMemory<byte>? Body = null);
