using System.Text.RegularExpressions;
using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;

namespace NodeAgent.Stores.S3;

/// <summary>Where the keys come from: given, a profile of a file, or the kit's chain (environment, web identity, default profile, container, instance).</summary>
internal static partial class S3CredentialSource
{
    private const string TokenVariable = "AWS_WEB_IDENTITY_TOKEN_FILE";

    /// <summary>Where EKS puts the token of a service account for its cloud.</summary>
    private const string CloudTokens = "/var/run/secrets/eks.amazonaws.com/";

    /// <summary>The keys, renewed by the kit where they are temporary, and the region that the profile names, if any.</summary>
    /// <exception cref="AmazonClientException">There are none.</exception>
    public static (AWSCredentials Credentials, string? Region) Find(S3StoreOptions options)
    {
        try
        {
            return FindAny(options);
        }
        catch (InvalidDataException e)
        {
            // The kit quotes the line, which may well be a key that was wrapped or follows a colon.
            var line = MalformedLine().Match(e.Message) is { Success: true } found ? $"line {found.Groups[1].Value}" : "a line";
            throw new AmazonClientException($"{(options.CredentialsContent.Length > 0 ? "the location's credentials" : "the credentials file")}: {line} is no [section], no setting with = and no comment");
        }
    }

    [GeneratedRegex("^Line ([0-9]+)")]
    private static partial Regex MalformedLine();

    private static (AWSCredentials Credentials, string? Region) FindAny(S3StoreOptions options)
    {
        if (options.Credentials is { } given)
        {
            return (given.SessionToken is { Length: > 0 } token ? new SessionAWSCredentials(given.AccessKey, given.SecretKey, token) : new BasicAWSCredentials(given.AccessKey, given.SecretKey), null);
        }

        if (options.CredentialsContent.Length > 0) return FromContent(options);
        if (options.OfLocation) RefuseWhatIsMounted(options.Profile);
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
            RefuseWhatIsNotInIt(file);
            return FromProfile(options.Profile, file, "the location's credentials");
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>
    /// Whoever may write Secrets and locations is not to run programs in this process's pod, nor to have its files sent anywhere: what a profile may name is the one
    /// token that the cloud put there to be exchanged. Asked of the kit itself, since it alone knows how it reads the file.
    /// </summary>
    private static void RefuseWhatIsNotInIt(string file)
    {
        foreach (var profile in new SharedCredentialsFile(file).ListProfiles()) Refuse(profile, "the location's credentials");
    }

    /// <summary>
    /// The same of the files that controller and agents have for locations without credentials of their own, which are a Secret that is mounted: of the profile
    /// that is used and of all that it gets its own keys from. The others are nobody's business.
    /// </summary>
    private static void RefuseWhatIsMounted(string wanted)
    {
        var chain = new CredentialProfileStoreChain();
        var names = new Queue<string>([wanted.Length > 0 ? wanted : DefaultProfile()]);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (names.TryDequeue(out var name))
        {
            if (!seen.Add(name) || !chain.TryGetProfile(name, out var profile)) continue;
            Refuse(profile, "the credentials and config files");
            if (profile.Options.SourceProfile is { Length: > 0 } source) names.Enqueue(source);
        }
    }

    /// <summary>The profile that the kit takes unasked.</summary>
    private static string DefaultProfile() => Environment.GetEnvironmentVariable("AWS_PROFILE") is { Length: > 0 } name ? name : SharedCredentialsFile.DefaultProfileName;

    private static void Refuse(CredentialProfile profile, string where)
    {
        if (profile.Options.CredentialProcess is { Length: > 0 }) throw new AmazonClientException($"{where}, profile {profile.Name}: {AwsLocation.ProgramRefusal}");
        if (profile.Options.WebIdentityTokenFile is { Length: > 0 } token && !IsTokenOfCloud(token))
            throw new AmazonClientException($"{where}, profile {profile.Name}: web_identity_token_file {token} is not the token that the cloud gave to this pod ({TokenVariable}, or a file below {CloudTokens})");
        if (profile.Region?.SystemName is { } region && !region.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            throw new AmazonClientException($"{where}, profile {profile.Name}: region \"{region}\" is no region, such as eu-central-1");
    }

    private static bool IsTokenOfCloud(string file) =>
        file == Environment.GetEnvironmentVariable(TokenVariable) || Path.GetFullPath(file).StartsWith(CloudTokens, StringComparison.Ordinal);

    private static (AWSCredentials Credentials, string? Region) FromProfile(string wanted, string? file, string where)
    {
        var name = wanted.Length > 0 ? wanted : SharedCredentialsFile.DefaultProfileName;
        var chain = file is null ? new CredentialProfileStoreChain() : new CredentialProfileStoreChain(file);
        if (!chain.TryGetProfile(name, out var profile)) throw new AmazonClientException($"{where}: there is no profile {name}");
        if (!chain.TryGetAWSCredentials(name, out var credentials)) throw new AmazonClientException($"{where}: profile {name} holds nothing to sign in with");
        return (credentials, profile.Region?.SystemName);
    }
}
