using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;

namespace NodeAgent.Stores.S3;

/// <summary>Where the keys come from: given, a profile of a file, or the kit's chain (environment, web identity, default profile, container, instance).</summary>
internal static class S3CredentialSource
{
    /// <summary>The keys, renewed by the kit where they are temporary, and the region that the profile names, if any.</summary>
    /// <exception cref="AmazonClientException">There are none.</exception>
    public static (AWSCredentials Credentials, string? Region) Find(S3StoreOptions options)
    {
        if (options.Credentials is { } given)
        {
            return (given.SessionToken is { Length: > 0 } token ? new SessionAWSCredentials(given.AccessKey, given.SecretKey, token) : new BasicAWSCredentials(given.AccessKey, given.SecretKey), null);
        }

        if (options.Profile.Length == 0 && options.CredentialsFile.Length == 0) return (DefaultAWSCredentialsIdentityResolver.GetCredentials(), null);
        var name = options.Profile.Length > 0 ? options.Profile : SharedCredentialsFile.DefaultProfileName;
        var where = options.CredentialsFile.Length > 0 ? $"credentials file {options.CredentialsFile}" : "the credentials and config files";
        if (options.CredentialsFile.Length > 0 && !File.Exists(options.CredentialsFile)) throw new AmazonClientException($"{where} is not there");
        var chain = options.CredentialsFile.Length > 0 ? new CredentialProfileStoreChain(options.CredentialsFile) : new CredentialProfileStoreChain();
        if (!chain.TryGetProfile(name, out var profile)) throw new AmazonClientException($"{where} has no profile {name}");
        if (!chain.TryGetAWSCredentials(name, out var credentials)) throw new AmazonClientException($"profile {name} in {where} holds no credentials that can be used");
        return (credentials, profile.Region?.SystemName);
    }
}
