using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Aws;

/// <summary>
/// Signs requests to AWS's services by signature version 4 in the Authorization header, with keys found as those of S3 are: a location's own
/// credentials, a profile, or the environment, web identity, container and instance. Keys that run out are renewed. Safe for concurrent use.
/// </summary>
public sealed class AwsSigner
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    private readonly AWSCredentials _credentials;

    private AwsSigner(AWSCredentials credentials) => _credentials = credentials;

    /// <summary>Finds the keys.</summary>
    /// <param name="profile">Profile of the credentials; empty for the default one.</param>
    /// <param name="content">Content of a credentials file; empty for those of this process.</param>
    /// <exception cref="LocationException">There are none; the message says where was looked, in one line.</exception>
    public static AwsSigner Find(string profile, string content)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (AwsLocation.NamesProgram(content)) throw new LocationException(AwsLocation.ProgramRefusal);
        try
        {
            return new AwsSigner(S3CredentialSource.Find(new S3StoreOptions { Bucket = "", Profile = profile, CredentialsContent = content, OfLocation = true }).Credentials);
        }
        catch (AmazonClientException e)
        {
            throw new LocationException(OneLine(e));
        }
    }

    /// <summary>Signs the request: method, address, the Host header and the body, and adds the headers for it.</summary>
    /// <param name="request">Without a query.</param>
    /// <param name="body">What is sent.</param>
    /// <param name="region">Region that is signed for.</param>
    /// <param name="service">Service that is signed for, as <c>ec2</c>.</param>
    /// <param name="signedAt">From when it counts.</param>
    /// <exception cref="LocationException">The keys cannot be had, as when a role cannot be taken on.</exception>
    public async Task SignAsync(HttpRequestMessage request, ReadOnlyMemory<byte> body, string region, string service, DateTimeOffset signedAt)
    {
        ArgumentNullException.ThrowIfNull(request);
        ImmutableCredentials keys;
        try
        {
            keys = await _credentials.GetCredentialsAsync();
        }
        catch (AmazonClientException e)
        {
            throw new LocationException(OneLine(e));
        }

        var address = request.RequestUri!;
        var moment = signedAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{moment[..8]}/{region}/{service}/aws4_request";
        var signed = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["host"] = address.IsDefaultPort ? address.Host : $"{address.Host}:{address.Port}",
            ["x-amz-date"] = moment,
        };
        if (keys.UseToken) signed["x-amz-security-token"] = keys.Token;
        var names = string.Join(';', signed.Keys);
        var canonical = new StringBuilder(request.Method.Method).Append('\n').Append(address.AbsolutePath).Append("\n\n");
        foreach (var (name, value) in signed) canonical.Append(name).Append(':').Append(value).Append('\n');
        canonical.Append('\n').Append(names).Append('\n').Append(Convert.ToHexStringLower(SHA256.HashData(body.Span)));
        var toSign = $"{Algorithm}\n{moment}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())))}";
        var key = Encoding.UTF8.GetBytes("AWS4" + keys.SecretKey);
        foreach (var part in scope.Split('/')) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));

        foreach (var (name, value) in signed.Where(s => s.Key != "host")) request.Headers.TryAddWithoutValidation(name, value);
        request.Headers.TryAddWithoutValidation("Authorization", $"{Algorithm} Credential={keys.AccessKey}/{scope}, SignedHeaders={names}, Signature={signature}");
    }

    private static string OneLine(AmazonClientException e) => e.Message.ReplaceLineEndings(" ");
}
