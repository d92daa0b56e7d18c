namespace NodeAgent.Kubernetes.Api;

/// <summary>One request, in a form that can be sent again.</summary>
/// <param name="Path">Relative to the server's address.</param>
/// <param name="Query">Without the question mark; empty for none.</param>
/// <param name="IsRepeatable">Whether doing it twice is the same as doing it once.</param>
internal sealed record ApiRequest(HttpMethod Method, string Path, string Query, ReadOnlyMemory<byte>? Body, string MediaType, bool IsRepeatable)
{
    public const string Json = "application/json";

    /// <summary>Asks for the metadata of a list's objects alone; servers that do not know how send the objects.</summary>
    public const string MetadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json";

    /// <summary>What the answer may be.</summary>
    public string Accept { get; init; } = Json;

    public string Target => Query.Length == 0 ? Path : $"{Path}?{Query}";

    public static ApiRequest Get(string path, string query) => new(HttpMethod.Get, path, query, null, "", IsRepeatable: true);

    public override string ToString() => $"{Method} {Path}";
}
