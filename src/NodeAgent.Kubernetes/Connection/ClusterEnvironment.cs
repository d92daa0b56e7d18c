namespace NodeAgent.Kubernetes.Connection;

/// <summary>Where the machine keeps what leads to a cluster.</summary>
internal sealed record ClusterEnvironment
{
    public static readonly ClusterEnvironment OfProcess = new();

    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    public string ServiceAccountDirectory { get; init; } = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>An empty variable is as good as none.</summary>
    public string? Find(string variable) => Variable(variable) is { Length: > 0 } value ? value : null;
}
