using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace NodeAgent.EndToEnd.Tests.S3;

/// <summary>A new bucket on the real S3 server that <c>tests/services/ceph-gateway</c> starts; without it the test is skipped by name.</summary>
internal sealed class GatewayBucket : IDisposable
{
    private const string HowToGetIt = "no S3 gateway: eval \"$(tests/services/ceph-gateway up --tests)\" starts one (docs/testing.md)";

    private readonly AmazonS3Client _client = new(
        new BasicAWSCredentials(Get("AWS_ACCESS_KEY_ID"), Get("AWS_SECRET_ACCESS_KEY")),
        new AmazonS3Config { ServiceURL = Get("S3_ENDPOINT"), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

    private GatewayBucket(string name) => Name = name;

    public string Name { get; }

    /// <summary>A credentials file as a user puts it into a Secret.</summary>
    public static string CredentialsFile => $"[default]\naws_access_key_id={Get("AWS_ACCESS_KEY_ID")}\naws_secret_access_key={Get("AWS_SECRET_ACCESS_KEY")}\n";

    public static async Task<GatewayBucket> CreateAsync(CancellationToken cancellationToken)
    {
        var bucket = new GatewayBucket($"e2e-{Guid.NewGuid():N}");
        await bucket._client.PutBucketAsync(new PutBucketRequest { BucketName = bucket.Name }, cancellationToken);
        return bucket;
    }

    /// <summary>One of the variables that the gateway's script prints.</summary>
    public static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable("NODEAGENT_TEST_" + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }

    /// <summary>All names in the bucket that begin so.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        var found = new List<string>();
        ListObjectsV2Response? page = null;
        do
        {
            page = await _client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = Name, Prefix = prefix, ContinuationToken = page?.NextContinuationToken }, cancellationToken);
            found.AddRange((page.S3Objects ?? []).Select(o => o.Key));
        }
        while (page.IsTruncated == true);
        return found;
    }

    /// <summary>The bytes of an object.</summary>
    public async Task<byte[]> ReadAsync(string key, CancellationToken cancellationToken)
    {
        using var answer = await _client.GetObjectAsync(Name, key, cancellationToken);
        using var content = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(content, cancellationToken);
        return content.ToArray();
    }

    public void Dispose() => _client.Dispose();
}
