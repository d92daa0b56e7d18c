namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>Which API server a test runs over.</summary>
public enum ApiServerKind
{
    /// <summary>The one of this project, in the test's process.</summary>
    Embedded,

    /// <summary>The real kube-apiserver that <c>tests/services/kubernetes</c> starts.</summary>
    Real,
}
