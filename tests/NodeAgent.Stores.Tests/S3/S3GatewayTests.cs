using System.Text;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.S3;

/// <summary>Options and refusals on a real gateway.</summary>
public sealed class S3GatewayTests
{
    private static readonly byte[] Body = Encoding.ASCII.GetBytes("what is stored");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_probe_finds_all_there_is_and_leaves_nothing()
    {
        await using var store = new S3Store(await S3Gateway.MakeFolderAsync());
        var found = await store.ProbeAsync(Stop);
        Assert.True(found is { HonoursConditionalPut: true, RefusesCondition: false, ReadsAfterPut: true, ListsAfterPut: true, RefusesExpired: true, KeepsVersions: false }, found.ToString());
        await foreach (var entry in store.ListAsync("", Stop)) Assert.Fail($"{entry.Key} was left");
    }

    [Fact]
    public async Task Wrong_keys_a_stranger_and_a_missing_bucket_are_told_apart()
    {
        var options = await S3Gateway.MakeFolderAsync();
        await AssertRefusedAsync(options with { Credentials = new S3Credentials(S3Gateway.AccessKey, "wrong") }, StoreFailure.PermissionDenied, "the secret key does not belong to the access key");
        await AssertRefusedAsync(options with { Credentials = new S3Credentials("nobody", "wrong") }, StoreFailure.PermissionDenied, "does not know the access key");
        await AssertRefusedAsync(options with { Bucket = "no-such-bucket-anywhere" }, StoreFailure.Other, "bucket no-such-bucket-anywhere does not exist");
        await AssertRefusedAsync(options with { Credentials = new S3Credentials(S3Gateway.Get("S3_STRANGER_ACCESS_KEY_ID"), S3Gateway.Get("S3_STRANGER_SECRET_ACCESS_KEY")) }, StoreFailure.PermissionDenied, "access denied");
    }

    [Fact]
    public async Task Tls_needs_the_authority_that_signed_the_certificate()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS") };
        await AssertRefusedAsync(options, StoreFailure.Other, "certificate is not trusted");
        await AssertWorksAsync(options with { CaCertificates = await File.ReadAllTextAsync(S3Gateway.Get("S3_CA_FILE"), Stop) });
        await AssertWorksAsync(options with { SkipTlsVerification = true });
    }

    [Fact]
    public async Task Tags_are_on_what_is_put_with_and_without_a_fence()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Tagging = "team=a&tier=b%20c" };
        await using var store = new S3Store(options);
        await store.PutAsync("plain", Body, Stop);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        await fence.PutAsync("fenced", Body, Stop);
        using var client = S3Gateway.CreateClient();
        foreach (var key in (string[])["plain", "fenced"])
        {
            var tags = await client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = options.Bucket, Key = $"{options.Prefix}/{key}" }, Stop);
            Assert.Equal(["team=a", "tier=b c"], tags.Tagging.Select(t => $"{t.Key}={t.Value}").Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task The_server_encrypts_by_the_key_that_is_named()
    {
        var options = await S3Gateway.MakeFolderAsync() with { KmsKeyId = S3Gateway.Get("S3_KMS_KEY_ID"), Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS"), SkipTlsVerification = true };
        await AssertWorksAsync(options);
        await using var store = new S3Store(options);
        await store.PutAsync("plain", Body, Stop);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        await fence.PutAsync("fenced", Body, Stop);
        using var client = S3Gateway.CreateClient();
        foreach (var key in (string[])["plain", "fenced"])
        {
            var found = await client.GetObjectMetadataAsync(options.Bucket, $"{options.Prefix}/{key}", Stop);
            Assert.Equal((ServerSideEncryptionMethod.AWSKMS, options.KmsKeyId), (found.ServerSideEncryptionMethod, found.ServerSideEncryptionKeyManagementServiceKeyId));
        }
    }

    [Fact]
    public async Task What_is_encrypted_by_a_customers_key_is_read_with_it_and_not_without()
    {
        var plain = await S3Gateway.MakeFolderAsync() with { Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS"), SkipTlsVerification = true };
        var options = plain with { CustomerKey = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray() };
        await AssertWorksAsync(options);
        await using var store = new S3Store(options);
        await store.PutAsync("x", Body, Stop);
        var range = new byte[4];
        await store.ReadAsync("x", 5, range, Stop);
        Assert.Equal(Body[5..9], range);
        Assert.Equal(Body.Length, (await store.StatAsync("x", Stop))!.Value.Length);
        await using var without = new S3Store(plain);
        await Assert.ThrowsAsync<StoreException>(async () => await without.ReadAllAsync("x", 100, Stop));
    }

    [Fact]
    public async Task In_a_locked_bucket_objects_outlive_their_deletion_as_versions()
    {
        S3Gateway.Require();
        var options = S3Gateway.OptionsFor(await S3Gateway.MakeBucketAsync(Stop, objectLock: true)) with { ObjectLockMode = "GOVERNANCE", ObjectLockDays = 1 };
        await using var store = new S3Store(options);
        Assert.Contains((await store.ProbeAsync(Stop)).Warnings, warning => warning.Contains("keeps versions", StringComparison.Ordinal));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("plain", Body, Stop));
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("fenced", Body, Stop));
        using var client = S3Gateway.CreateClient();
        foreach (var key in (string[])["plain", "fenced"])
        {
            var version = (await client.GetObjectMetadataAsync(options.Bucket, key, Stop)).VersionId;
            Assert.True(await store.DeleteAsync(key, Stop));
            Assert.Null(await store.StatAsync(key, Stop));
            await Assert.ThrowsAsync<AmazonS3Exception>(() => client.DeleteObjectAsync(options.Bucket, key, version, Stop));
            using var kept = await client.GetObjectAsync(new GetObjectRequest { BucketName = options.Bucket, Key = key, VersionId = version }, Stop);
            Assert.Equal(Body.Length, kept.ContentLength);
        }
    }

    [Fact]
    public async Task Names_that_others_left_are_passed_over_also_those_that_XML_cannot_hold()
    {
        var options = await S3Gateway.MakeFolderAsync();
        options = options with { Prefix = options.Prefix + "/a b+c%20é" };
        await using var store = new S3Store(options);
        await store.PutAsync("x/1", Body, Stop);
        using var client = S3Gateway.CreateClient();
        foreach (var name in (string[])["x/a b", "x/<&>", "x/\u0001", "x/%31", "x/+"])
            await client.PutObjectAsync(new PutObjectRequest { BucketName = options.Bucket, Key = $"{options.Prefix}/{name}", ContentBody = "x", UseChunkEncoding = false }, Stop);
        var keys = new List<string>();
        await foreach (var entry in store.ListAsync("x/", Stop)) keys.Add(entry.Key);
        Assert.Equal(["x/1"], keys);
    }

    private static async Task AssertWorksAsync(S3StoreOptions options)
    {
        await using var store = new S3Store(options);
        var key = Guid.NewGuid().ToString("N");
        Assert.Equal(PutOutcome.Created, await store.PutAsync(key, Body, Stop));
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync(key, Body, Stop));
        Assert.Equal(Body, await store.ReadAllAsync(key, 100, Stop));
    }

    private static async Task AssertRefusedAsync(S3StoreOptions options, StoreFailure failure, string says)
    {
        await using var store = new S3Store(options);
        var tries = new Func<Task>[]
        {
            async () => await store.StatAsync("x", Stop),
            async () => await store.PutAsync("x", Body, Stop),
            async () => await store.ReadAllAsync("x", 100, Stop),
            async () => await store.DeleteAsync("x", Stop),
            async () =>
            {
                await foreach (var _ in store.ListAsync("", Stop)) Assert.Fail("there is something");
            },
        };
        foreach (var attempt in tries)
        {
            var error = await Assert.ThrowsAsync<StoreException>(attempt);
            Assert.Equal(failure, error.Failure);
            Assert.Contains(says, error.Message, StringComparison.Ordinal);
        }
    }
}
