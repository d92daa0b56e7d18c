using System.Security.Cryptography.X509Certificates;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.S3;

/// <summary>Where an S3 store is and how it is spoken to. Only <see cref="Bucket"/> is needed; the rest has defaults for AWS.</summary>
public sealed record S3StoreOptions
{
    /// <summary>The bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>Folder within the bucket; slashes at either end do not matter.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The bucket's region; empty means the profile's, or us-east-1.</summary>
    public string Region { get; init; } = "";

    /// <summary>URL of a server other than AWS; empty for AWS.</summary>
    public string Endpoint { get; init; } = "";

    /// <summary>URL of the server as those reach it who are given an address to download from; empty for <see cref="Endpoint"/>.</summary>
    public string PublicEndpoint { get; init; } = "";

    /// <summary>Whether the bucket goes into the path instead of the host name; null: only with an <see cref="Endpoint"/>.</summary>
    public bool? PathStyle { get; init; }

    /// <summary>PEM text of certificates to trust instead of the system's; empty for the system's.</summary>
    public string CaCertificates { get; init; } = "";

    /// <summary>Takes any certificate.</summary>
    public bool SkipTlsVerification { get; init; }

    /// <summary>AES256, aws:kms or aws:kms:dsse; empty for what the bucket is set to.</summary>
    public string ServerSideEncryption { get; init; } = "";

    /// <summary>The KMS key; makes <see cref="ServerSideEncryption"/> aws:kms when that is empty.</summary>
    public string KmsKeyId { get; init; } = "";

    /// <summary>A key of 32 bytes that the server encrypts with and does not keep (SSE-C); empty for none.</summary>
    public ReadOnlyMemory<byte> CustomerKey { get; init; }

    /// <summary>Storage class of objects from 128 KiB on; the cold classes bill smaller ones as if they had that size. Empty for the bucket's.</summary>
    public string StorageClass { get; init; } = "";

    /// <summary>Tags as in a URL's query: <c>a=1&amp;b=2</c>.</summary>
    public string Tagging { get; init; } = "";

    /// <summary>GOVERNANCE or COMPLIANCE; empty for no lock.</summary>
    public string ObjectLockMode { get; init; } = "";

    /// <summary>Days for which an object is locked.</summary>
    public int ObjectLockDays { get; init; }

    /// <summary>Keys that are given as such.</summary>
    public S3Credentials? Credentials { get; init; }

    /// <summary>Profile in the credentials file; empty for "default".</summary>
    public string Profile { get; init; } = "";

    /// <summary>Path of a credentials file; empty for the usual places.</summary>
    public string CredentialsFile { get; init; } = "";

    /// <summary>Content of a credentials file, which comes before <see cref="CredentialsFile"/>; empty for none.</summary>
    public string CredentialsContent { get; init; } = "";

    /// <summary>
    /// All of this was written by whoever may write locations in a cluster: neither this machine's metadata service nor other files of it are to
    /// be had by it.
    /// </summary>
    internal bool OfLocation { get; init; }

    /// <summary>How failures are met.</summary>
    public RetryOptions Retry { get; init; } = RetryOptions.ForServers;

    /// <summary>Where <see cref="S3Capabilities"/> are remembered; empty for this process only, null for not at all.</summary>
    public string? CapabilityDirectory { get; init; }

    /// <summary>Told, now and then, that requests are being repeated, and why: one line.</summary>
    public Action<string>? OnTrouble { get; init; }

    internal string TrimmedPrefix => Prefix.Trim('/');

    internal string Location => $"s3://{Bucket}{(TrimmedPrefix.Length > 0 ? "/" : "")}{TrimmedPrefix}{(Endpoint.Length > 0 ? $" at {Endpoint.TrimEnd('/')}" : "")}";

    /// <summary>What is wrong with it, a line each; empty when it can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        var isArn = Bucket.StartsWith("arn:", StringComparison.Ordinal);
        if (Bucket.Length == 0) errors.Add("no bucket is named");
        else if (!isArn && !Bucket.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')) errors.Add($"bucket \"{Bucket}\" is no bucket name: letters, digits, '.', '-' and '_'");
        if (TrimmedPrefix.Length > 0 && TrimmedPrefix.Split('/').Any(part => part is "" or "." or ".." || part.Any(char.IsControl)))
            errors.Add($"prefix \"{Prefix}\" must not have empty parts, \".\" or \"..\"");
        if (Region.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-')) errors.Add($"region \"{Region}\" is no region, such as eu-central-1");
        ValidateEndpoint(errors);
        if (ServerSideEncryption is not ("" or "AES256" or "aws:kms" or "aws:kms:dsse")) errors.Add($"server-side encryption \"{ServerSideEncryption}\" is not known: use AES256, aws:kms or aws:kms:dsse");
        if (KmsKeyId.Length > 0 && ServerSideEncryption == "AES256") errors.Add("a KMS key goes with server-side encryption aws:kms, not AES256");
        if (!CustomerKey.IsEmpty && CustomerKey.Length != 32) errors.Add($"the customer's encryption key has {CustomerKey.Length} bytes instead of 32");
        if (!CustomerKey.IsEmpty && ServerSideEncryption.Length + KmsKeyId.Length > 0) errors.Add("a customer's encryption key excludes server-side encryption by the server's keys");
        if (!CustomerKey.IsEmpty && Endpoint.StartsWith("http:", StringComparison.OrdinalIgnoreCase)) errors.Add("a customer's encryption key is sent with each request and needs an https endpoint");
        if (StorageClass is "GLACIER" or "DEEP_ARCHIVE") errors.Add($"storage class {StorageClass} cannot be read without hours of waiting: use GLACIER_IR or STANDARD_IA");
        if (!StorageClass.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-')) errors.Add($"storage class \"{StorageClass}\" is none, such as STANDARD_IA");
        if (!Tagging.Split('&', StringSplitOptions.RemoveEmptyEntries).All(tag => tag.IndexOf('=', StringComparison.Ordinal) > 0) || Tagging.Any(c => c is <= ' ' or > '~'))
            errors.Add($"tagging \"{Tagging}\" is not of the form key=value&key=value, encoded as in a URL");
        if (ObjectLockMode is not ("" or "GOVERNANCE" or "COMPLIANCE")) errors.Add($"object lock mode \"{ObjectLockMode}\" is not known: use GOVERNANCE or COMPLIANCE");
        if (ObjectLockMode.Length > 0 != ObjectLockDays > 0) errors.Add("object lock needs both a mode and a number of days above zero");
        return errors;
    }

    /// <summary>Holds no secret.</summary>
    public override string ToString() => Location;

    private void ValidateEndpoint(List<string> errors)
    {
        ValidateUrl("endpoint", Endpoint, errors);
        ValidateUrl("public endpoint", PublicEndpoint, errors);
        if (CaCertificates.Length == 0) return;
        try
        {
            if (ReadCertificates().Count == 0) errors.Add("the CA certificates hold no certificate: a PEM file with -----BEGIN CERTIFICATE----- is needed");
        }
        catch (System.Security.Cryptography.CryptographicException e)
        {
            errors.Add($"the CA certificates cannot be read: {e.Message}");
        }
    }

    private static void ValidateUrl(string what, string url, List<string> errors)
    {
        if (url.Length == 0) return;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0) errors.Add($"{what} \"{url}\" is no URL, such as https://minio.example:9000");
        else if (uri.AbsolutePath != "/" || uri.Query.Length > 0 || uri.UserInfo.Length > 0) errors.Add($"the {what} must be a URL without path, query and user, such as https://minio.example:9000");
    }

    internal X509Certificate2Collection ReadCertificates()
    {
        var found = new X509Certificate2Collection();
        found.ImportFromPem(CaCertificates);
        return found;
    }
}
