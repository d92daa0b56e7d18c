namespace NodeAgent.Kubernetes.Velero;

/// <summary>Place within an object store.</summary>
public sealed record ObjectStorageLocation
{
    /// <summary>Bucket; for the filesystem provider an optional folder below the path.</summary>
    public string? Bucket { get; init; }

    /// <summary>Folder within the bucket.</summary>
    public string? Prefix { get; init; }

    /// <summary>Certificate bundle in base64; caCertRef replaces it.</summary>
    public string? CaCert { get; init; }

    /// <summary>Secret key with a certificate bundle; excludes caCert.</summary>
    public SecretKeySelector? CaCertRef { get; init; }
}
