namespace NodeAgent.Stores.Locations;

/// <summary>What a BackupStorageLocation says about where its data lies, free of Kubernetes types.</summary>
public sealed record LocationDescription
{
    /// <summary>The location's name, for error messages.</summary>
    public required string Name { get; init; }

    /// <summary>The provider's name; a prefix such as <c>velero.io/</c> is ignored.</summary>
    public required string Provider { get; init; }

    /// <summary>Bucket; optional for provider <c>filesystem</c>, where it is a directory below the path.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>Prefix within the bucket; slashes at either end do not matter.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The provider's settings.</summary>
    public IReadOnlyDictionary<string, string> Config { get; init; } = new Dictionary<string, string>();

    /// <summary>PEM text of the certificates to trust; empty for the system's. Only remote providers ask for it.</summary>
    public string CaCertificate { get; init; } = "";

    /// <summary>Content of the credentials file in the location's own Secret; empty when it names none, then the server's own count.</summary>
    public string Credentials { get; init; } = "";

    /// <summary>Key that an object store encrypts with and does not keep, from the Secret that the settings name; empty when they name none.</summary>
    public ReadOnlyMemory<byte> CustomerKey { get; init; }

    /// <summary>Without the credentials.</summary>
    public override string ToString() => $"location {Name}";
}
