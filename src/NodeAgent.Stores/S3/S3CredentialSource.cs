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

        if (options.CredentialsContent.Length > 0) return FromContent(options);
        if (options.Profile.Length == 0 && options.CredentialsFile.Length == 0) return (DefaultAWSCredentialsIdentityResolver.GetCredentials(), null);
        if (options.CredentialsFile.Length == 0) return FromProfile(options.Profile, null, "the credentials and config files");
        if (!File.Exists(options.CredentialsFile)) throw new AmazonClientException($"credentials file {options.CredentialsFile} is not there");
        return FromProfile(options.Profile, options.CredentialsFile, $"credentials file {options.CredentialsFile}");
    }

    /// <summary>The kit reads files only; this one is its owner's alone and gone when it has been read.</summary>
    private static (AWSCredentials Credentials, string? Region) FromContent(S3StoreOptions options)
    {
        var file = Path.Combine(Path.GetTempPath(), $"nodeagent-{Guid.NewGuid():N}");
        try
        {
            using (var written = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
                written.Write(System.Text.Encoding.UTF8.GetBytes(options.CredentialsContent));
            return FromProfile(options.Profile, file, "the location's credentials");
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static (AWSCredentials Credentials, string? Region) FromProfile(string wanted, string? file, string where)
    {
        var name = wanted.Length > 0 ? wanted : SharedCredentialsFile.DefaultProfileName;
        var chain = file is null ? new CredentialProfileStoreChain() : new CredentialProfileStoreChain(file);
        if (!chain.TryGetProfile(name, out var profile)) throw new AmazonClientException($"{where}: there is no profile {name}");
        if (!chain.TryGetAWSCredentials(name, out var credentials)) throw new AmazonClientException($"{where}: profile {name} holds nothing to sign in with");
        return (credentials, profile.Region?.SystemName);
    }
}
