using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Stores.S3;

/// <summary>
/// Signs a request by AWS's signature version 4 in the query of its URL, for a moment and a lifetime of the caller's choice.
/// The kit's own signing of URLs goes by this machine's clock, and a fence must go by the store's.
/// </summary>
/// <param name="region">The region that is signed for.</param>
internal sealed class S3QuerySigner(string region)
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>The longest lifetime that S3 takes.</summary>
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);

    /// <param name="method">GET, PUT, ...</param>
    /// <param name="address">Without a query; its path is encoded already.</param>
    /// <param name="headers">All that are sent and must not be changed on the way; Host is added. Every x-amz-* header must be among them.</param>
    /// <param name="signedAt">From when it counts.</param>
    /// <param name="lifetime">For how long; whole seconds.</param>
    /// <param name="credentials">The keys.</param>
    /// <returns>The address with the signature. A secret: whoever has it can send the request.</returns>
    public Uri Sign(HttpMethod method, Uri address, IEnumerable<KeyValuePair<string, string>> headers, DateTimeOffset signedAt, TimeSpan lifetime, S3Credentials credentials)
    {
        var moment = signedAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{moment[..8]}/{region}/s3/aws4_request";
        var signed = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["host"] = address.IsDefaultPort ? address.Host : $"{address.Host}:{address.Port}" };
        foreach (var (name, value) in headers) signed.Add(name.ToLowerInvariant(), value.Trim());
        var names = string.Join(';', signed.Keys);

        var query = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["X-Amz-Algorithm"] = Algorithm,
            ["X-Amz-Credential"] = $"{credentials.AccessKey}/{scope}",
            ["X-Amz-Date"] = moment,
            ["X-Amz-Expires"] = ((long)lifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            ["X-Amz-SignedHeaders"] = names,
        };
        if (credentials.SessionToken is { Length: > 0 } token) query["X-Amz-Security-Token"] = token;
        var queryText = string.Join('&', query.Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}"));

        var canonical = new StringBuilder();
        canonical.Append(method.Method).Append('\n').Append(address.AbsolutePath).Append('\n').Append(queryText).Append('\n');
        foreach (var (name, value) in signed) canonical.Append(name).Append(':').Append(value).Append('\n');
        canonical.Append('\n').Append(names).Append('\n').Append("UNSIGNED-PAYLOAD");
        var toSign = $"{Algorithm}\n{moment}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())))}";
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(KeyFor(moment[..8], credentials.SecretKey), Encoding.UTF8.GetBytes(toSign)));
        return new Uri($"{address.GetLeftPart(UriPartial.Path)}?{queryText}&X-Amz-Signature={signature}");
    }

    private byte[] KeyFor(string day, string secretKey)
    {
        var key = Encoding.UTF8.GetBytes("AWS4" + secretKey);
        foreach (var part in (ReadOnlySpan<string>)[day, region, "s3", "aws4_request"]) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        return key;
    }
}
