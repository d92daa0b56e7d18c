using System.Net.Http.Headers;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>Tokens as headers.</summary>
internal static class BearerToken
{
    /// <exception cref="ClusterConfigException">The token has characters that no header can carry. They are not repeated: it is a secret.</exception>
    public static AuthenticationHeaderValue Header(string token, string source)
    {
        foreach (var c in token)
        {
            if (c is <= ' ' or > '~') throw new ClusterConfigException($"{source}: it holds spaces or other characters that no token has");
        }

        return new AuthenticationHeaderValue("Bearer", token);
    }
}
