namespace NodeAgent.DevCluster;

/// <summary>What a request asks of the API, as fault predicates see it.</summary>
/// <param name="Method">The HTTP method.</param>
/// <param name="Path">The path without the query.</param>
/// <param name="Verb">get, list, watch, create, update, patch, delete or deletecollection; "" for requests of no resource.</param>
/// <param name="Group">The API group; "" for the core group.</param>
/// <param name="Version">The API version.</param>
/// <param name="Resource">The plural resource name; "" for requests of no resource.</param>
/// <param name="Namespace">The namespace; "" for cluster-scoped requests and for all namespaces.</param>
/// <param name="Name">The object's name; "" for collections.</param>
/// <param name="Subresource">status, scale, log, exec…; "" for the object itself.</param>
public sealed record ApiRequest(
    string Method, string Path, string Verb, string Group, string Version, string Resource, string Namespace, string Name, string Subresource)
{
    /// <summary>True for requests that change something.</summary>
    public bool IsWrite => Verb is "create" or "update" or "patch" or "delete" or "deletecollection";

    internal static ApiRequest Parse(string method, string path, bool watch)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString).ToArray();
        var none = new ApiRequest(method, path, "", "", "", "", "", "", "");
        string group;
        int at;
        if (parts is ["api", _, _, ..])
            (group, at) = ("", 1);
        else if (parts is ["apis", _, _, _, ..])
            (group, at) = (parts[1], 2);
        else
            return none;
        var version = parts[at];
        var rest = parts[(at + 1)..];
        var ns = "";
        // "namespaces/x/status" is a part of the namespace itself; any other third step is a resource within it.
        if (rest is ["namespaces", _, not ("status" or "finalize"), ..])
        {
            ns = rest[1];
            rest = rest[2..];
        }
        if (rest.Length > 3)
            return none;
        var name = rest.Length > 1 ? rest[1] : "";
        var verb = method switch
        {
            "GET" or "HEAD" when watch => "watch",
            "GET" or "HEAD" => name.Length > 0 ? "get" : "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => name.Length > 0 ? "delete" : "deletecollection",
            _ => "",
        };
        return new ApiRequest(method, path, verb, group, version, rest[0], ns, name, rest.Length > 2 ? rest[2] : "");
    }
}
