namespace NodeAgent.Kubernetes.Api;

/// <summary>One field that the server refused.</summary>
/// <param name="Field">Path of the field, such as spec.storageLocation.</param>
public sealed record ApiFieldError(string Field, string Reason, string Message);
