using System.Security.Cryptography.X509Certificates;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>A folder of a container in a storage account, and how to get in.</summary>
internal sealed record AzureStoreOptions
{
    /// <summary>What one request of a larger file carries where nothing is said, and so the memory that a file takes.</summary>
    public const int DefaultBlockSize = 16 << 20;

    /// <summary>What the service takes at most.</summary>
    private const int MaxBlockSize = 1 << 30;

    public required string Account { get; init; }

    public required string Container { get; init; }

    /// <summary>Folder within the container; slashes at either end do not matter.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Address of the account's blob service, without a slash at its end.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The account's key, in base64; empty where a principal signs in.</summary>
    public string AccountKey { get; init; } = "";

    /// <summary>Who signs in; null where the account's key is used.</summary>
    public AzurePrincipal? Principal { get; init; }

    public int BlockSize { get; init; } = DefaultBlockSize;

    /// <summary>PEM text of the certificates to trust; empty for the system's.</summary>
    public string CaCertificates { get; init; } = "";

    public RetryOptions Retry { get; init; } = new();

    /// <summary>Where it is, for messages.</summary>
    public string Location => $"azure://{Account}/{Container}{(TrimmedPrefix.Length > 0 ? "/" : "")}{TrimmedPrefix}";

    public string TrimmedPrefix => Prefix.Trim('/');

    /// <summary>What is wrong with it, a line each; empty when it can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (Account.Length == 0) errors.Add("config.storageAccount is missing: the name of the storage account");
        else if (Account.Length is < 3 or > 24 || !Account.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))) errors.Add($"config.storageAccount \"{Account}\" is no storage account: 3 to 24 lower-case letters and digits");
        if (Container.Length == 0) errors.Add("no container is named: give it in spec.objectStorage.bucket");
        else if (Container.Length is < 3 or > 63 || Container.Contains("--", StringComparison.Ordinal) || Container.StartsWith('-') || Container.EndsWith('-') || !Container.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
            errors.Add($"bucket \"{Container}\" is no container: 3 to 63 lower-case letters, digits and single '-'");
        if (TrimmedPrefix.Length > 0 && TrimmedPrefix.Split('/').Any(part => part is "" or "." or ".." || part.Any(char.IsControl)))
            errors.Add($"prefix \"{Prefix}\" must not have empty parts, \".\" or \"..\"");
        if (!Uri.TryCreate(Endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0 || uri.Query.Length + uri.UserInfo.Length > 0)
            errors.Add($"config.storageAccountURI \"{Endpoint}\" is no address of a blob service, such as https://{(Account.Length > 0 ? Account : "account")}.blob.core.windows.net");
        if (BlockSize is < 1 or > MaxBlockSize) errors.Add($"config.blockSizeInBytes is {BlockSize}, and must be from 1 to {MaxBlockSize}");
        if (Principal is not null && uri is { Scheme: "http" }) errors.Add("config.useAAD: tokens are sent over https only, and the address of the blob service is not");
        if (Principal is null && !Convert.TryFromBase64String(AccountKey, new byte[AccountKey.Length], out _)) errors.Add("the account key is no base64");
        else if (Principal is null && AccountKey.Length == 0) errors.Add("the account key is empty");
        if (CaCertificates.Length > 0 && !HasCertificate()) errors.Add("the CA certificates hold no certificate: a PEM file with -----BEGIN CERTIFICATE----- is needed");
        return errors;
    }

    public X509Certificate2Collection? ReadCertificates()
    {
        if (CaCertificates.Length == 0) return null;
        var found = new X509Certificate2Collection();
        found.ImportFromPem(CaCertificates);
        return found;
    }

    /// <summary>Without the key.</summary>
    public override string ToString() => Location;

    private bool HasCertificate()
    {
        try
        {
            return ReadCertificates() is { Count: > 0 };
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }
}
