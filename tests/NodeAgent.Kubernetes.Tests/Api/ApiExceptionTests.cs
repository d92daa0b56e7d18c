using System.Net;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class ApiExceptionTests
{
    [Theory]
    [InlineData(429, "too many requests", true)]
    [InlineData(500, "etcdserver: request timed out", true)]
    [InlineData(503, "apiserver not ready", true)]
    [InlineData(401, "Unauthorized", true)]
    [InlineData(403, "pods is forbidden: User \"system:serviceaccount:velero:velero\" cannot list resource \"pods\" in API group \"\" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"velero\" not found", true)]
    [InlineData(403, "pods is forbidden: User \"system:serviceaccount:velero:velero\" cannot list resource \"pods\" in API group \"\" at the cluster scope", false)]
    [InlineData(403, "pods \"x\" is forbidden: unable to create new content in namespace shop because it is being terminated", false)]
    [InlineData(404, "pods \"RBAC: x\" not found", false)]
    [InlineData(409, "the object has been modified", false)]
    [InlineData(422, "spec.x: Invalid value", false)]
    public void What_a_server_says_while_it_starts_or_does_not_keep_up_may_pass(int status, string message, bool passes) =>
        Assert.Equal(passes, new ApiException((HttpStatusCode)status, "", $"GET /x: {message}") { ServerMessage = message }.IsTransient);
}
