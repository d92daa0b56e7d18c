namespace NodeAgent.Stores.Tests.Faults;

/// <summary>A request on its way through a proxy.</summary>
/// <param name="Method">GET, PUT and so on.</param>
/// <param name="Target">Path and query.</param>
/// <param name="Headers">Names in lower case.</param>
/// <param name="BodyLength">Bytes of body.</param>
internal sealed record ProxiedRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers, int BodyLength)
{
    public string Path => Target.Split('?')[0];

    public bool IsListing => Method == "GET" && Target.Contains("list-type=2", StringComparison.Ordinal);

    public bool IsConditional => Headers.ContainsKey("if-none-match");
}
