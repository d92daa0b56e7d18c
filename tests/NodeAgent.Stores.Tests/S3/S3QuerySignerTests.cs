using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.S3;

public sealed class S3QuerySignerTests
{
    private static readonly S3Credentials Example = new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

    [Fact]
    public void The_published_example_has_the_published_signature()
    {
        // "Authenticating Requests: Using Query Parameters" in the Amazon S3 API reference.
        var signed = new S3QuerySigner("us-east-1").Sign(
            HttpMethod.Get, new Uri("https://examplebucket.s3.amazonaws.com/test.txt"), [], new DateTimeOffset(2013, 5, 24, 0, 0, 0, TimeSpan.Zero), TimeSpan.FromDays(1), Example);
        Assert.Equal(
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            signed.AbsoluteUri);
    }

    [Theory]
    [InlineData("pack/ab/cdef-01.p", null)]
    [InlineData("a b+c%/pack=1&2/é.p", null)]
    [InlineData("x", "a/session+token==")]
    public void Signatures_agree_with_those_of_the_kit(string key, string? token)
    {
        AWSCredentials credentials = token is null ? new BasicAWSCredentials("someone", "secret/key+") : new SessionAWSCredentials("someone", "secret/key+", token);
        using var kit = new AmazonS3Client(credentials, new AmazonS3Config { ServiceURL = "http://127.0.0.1:9999", ForcePathStyle = true, AuthenticationRegion = "eu-north-1" });
        var request = new GetPreSignedUrlRequest { BucketName = "shop", Key = key, Verb = HttpVerb.PUT, Protocol = Protocol.HTTP, Expires = DateTime.UtcNow.AddMinutes(10) };
        request.Headers["x-amz-tagging"] = "a=1";
        var expected = QueryOf(new Uri(kit.GetPreSignedURL(request)));
        // The kit signs for its own now; the same moment and lifetime are taken from what it made.
        var moment = DateTimeOffset.ParseExact(expected["X-Amz-Date"], "yyyyMMdd'T'HHmmss'Z'", null, System.Globalization.DateTimeStyles.AssumeUniversal);
        var lifetime = TimeSpan.FromSeconds(int.Parse(expected["X-Amz-Expires"], System.Globalization.CultureInfo.InvariantCulture));
        var address = new Uri("http://127.0.0.1:9999/shop/" + string.Join('/', key.Split('/').Select(Uri.EscapeDataString)));
        var actual = QueryOf(new S3QuerySigner("eu-north-1").Sign(HttpMethod.Put, address, [new("x-amz-tagging", "a=1")], moment, lifetime, new S3Credentials("someone", "secret/key+", token)));
        Assert.Equal("host;x-amz-tagging", actual["X-Amz-SignedHeaders"]);
        Assert.Equal(expected.OrderBy(p => p.Key, StringComparer.Ordinal), actual.OrderBy(p => p.Key, StringComparer.Ordinal));
    }

    private static Dictionary<string, string> QueryOf(Uri address) => address.Query.TrimStart('?').Split('&')
        .Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => Uri.UnescapeDataString(part[1]), StringComparer.Ordinal);
}
