using System.Globalization;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.Gateway;

/// <summary>The real S3 server that <c>tests/services/ceph-gateway</c> starts; without it the tests that want it are skipped by name.</summary>
internal static class S3Gateway
{
    private const string Prefix = "NODEAGENT_TEST_";
    private const string HowToGetIt = "no S3 gateway: eval \"$(tests/services/ceph-gateway up --tests)\" starts one (docs/testing.md)";

    private static readonly Lazy<Task<string>> SharedBucket = new(() => MakeBucketAsync(CancellationToken.None));

    /// <summary>What a probe found; one will do for all places in one gateway.</summary>
    public static Lazy<Task<S3Capabilities>> Capabilities { get; } = new(async () =>
    {
        await using var store = new S3Store(await MakeFolderAsync());
        return await store.ProbeAsync(CancellationToken.None);
    });

    /// <summary>Retries without the long waits that a real outage deserves.</summary>
    public static RetryOptions QuickRetry { get; } = new() { BaseDelay = TimeSpan.FromMilliseconds(5), MaxDelay = TimeSpan.FromMilliseconds(200), GiveUpAfter = TimeSpan.FromMinutes(2) };

    public static string Endpoint => Get("S3_ENDPOINT");

    public static S3Credentials Credentials => new(Get("AWS_ACCESS_KEY_ID"), Get("AWS_SECRET_ACCESS_KEY"));

    public static string AccessKey => Get("AWS_ACCESS_KEY_ID");

    /// <summary>Skips the test where there is no gateway.</summary>
    public static void Require() => Assert.SkipUnless(Environment.GetEnvironmentVariable(Prefix + "S3_ENDPOINT") is { Length: > 0 }, HowToGetIt);

    /// <summary>One of the variables that the gateway's script prints.</summary>
    public static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable(Prefix + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }

    /// <summary>A folder that no other test uses, in a bucket that all tests share.</summary>
    public static async Task<S3StoreOptions> MakeFolderAsync()
    {
        Require();
        return OptionsFor(await SharedBucket.Value) with { Prefix = "t-" + Guid.NewGuid().ToString("N") };
    }

    /// <summary>The same place as a process sees it that has been there before: it knows what the gateway does.</summary>
    /// <param name="options">The place.</param>
    /// <param name="directory">For what is remembered; the caller removes it.</param>
    public static async Task<S3StoreOptions> ProbedAsync(S3StoreOptions options, string directory)
    {
        var probed = options with { CapabilityDirectory = directory };
        S3CapabilityCache.Write(probed, await Capabilities.Value);
        return probed;
    }

    public static S3StoreOptions OptionsFor(string bucket) => new()
    {
        Bucket = bucket,
        Endpoint = Endpoint,
        Credentials = Credentials,
        Retry = QuickRetry,
    };

    /// <summary>A new bucket.</summary>
    public static async Task<string> MakeBucketAsync(CancellationToken cancellationToken, bool objectLock = false)
    {
        using var client = CreateClient();
        var name = string.Create(CultureInfo.InvariantCulture, $"test-{Guid.NewGuid():N}");
        await client.PutBucketAsync(new PutBucketRequest { BucketName = name, ObjectLockEnabledForBucket = objectLock }, cancellationToken);
        return name;
    }

    /// <summary>The vendor's client, to prepare and to look behind the store's back.</summary>
    public static AmazonS3Client CreateClient() => new(
        new BasicAWSCredentials(Get("AWS_ACCESS_KEY_ID"), Get("AWS_SECRET_ACCESS_KEY")),
        new AmazonS3Config { ServiceURL = Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
}
