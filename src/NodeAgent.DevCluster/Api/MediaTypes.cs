using Microsoft.AspNetCore.Http;

namespace NodeAgent.DevCluster.Api;

/// <summary>Which of the forms a client accepts is answered. Everything is JSON; whoever asks for protobuf alone is given JSON as well.</summary>
internal static class MediaTypes
{
    public const string Json = "application/json";
    public const string AggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    public static ResponseForm FormOf(HttpRequest request)
    {
        foreach (var part in request.Headers.Accept.ToString().Split(','))
        {
            var accept = part.Replace(" ", "", StringComparison.Ordinal);
            if (!accept.StartsWith(Json, StringComparison.Ordinal))
                continue;
            if (accept.Contains("as=Table", StringComparison.Ordinal) && accept.Contains("v=v1;", StringComparison.Ordinal) | accept.EndsWith("v=v1", StringComparison.Ordinal))
                return ResponseForm.Table;
            if (accept.Contains("as=PartialObjectMetadata", StringComparison.Ordinal))
                return ResponseForm.Metadata;
            if (!accept.Contains("as=", StringComparison.Ordinal))
                return ResponseForm.Object;
        }
        return ResponseForm.Object;
    }

    public static bool WantsAggregatedDiscovery(HttpRequest request)
    {
        var accept = request.Headers.Accept.ToString().Replace(" ", "", StringComparison.Ordinal);
        return accept.Contains("g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", StringComparison.Ordinal);
    }
}
