using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.Gateway;

/// <summary>Settings of the S3 store that a real gateway shows the effect of.</summary>
public sealed class GatewayFeatureTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_probe_of_a_good_gateway_finds_all_that_a_repository_wants()
    {
        S3Gateway.Require();
        var found = await S3Gateway.Capabilities.Value;
        Assert.True(found.HonoursConditionalPut);
        Assert.True(found.ListsAfterPut);
        Assert.True(found.ReadsAfterPut);
        Assert.True(found.RefusesExpired);
        Assert.True(found.ChecksBodyHash is true);
        Assert.False(found.RefusesCondition);
        Assert.Empty(found.Warnings);
    }

    [Fact]
    public async Task A_probe_leaves_nothing_behind()
    {
        await using var store = new S3Store(await S3Gateway.MakeFolderAsync());
        await store.ProbeAsync(Cancellation);
        await foreach (var entry in store.ListAsync("", Cancellation)) Assert.Fail($"{entry.Key} was left");
    }

    [Fact]
    public async Task A_certificate_of_the_given_authority_is_trusted_and_others_are_not()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS") };
        var authority = await File.ReadAllTextAsync(S3Gateway.Get("S3_CA_FILE"), Cancellation);
        foreach (var trusting in (S3StoreOptions[])[options with { CaCertificates = authority }, options with { SkipTlsVerification = true }])
        {
            await using var store = new S3Store(trusting);
            await store.PutAsync("a/b", new byte[100_000], Cancellation);
            Assert.Equal(100_000, (await store.ReadAllAsync("a/b", 100_000, Cancellation)).Length);
            await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("a/c", new byte[100_000], Cancellation));
            await store.DeleteAsync("a/b", Cancellation);
            await fence.DeleteAsync("a/c", Cancellation);
        }

        await using var strict = new S3Store(options);
        var exception = await Assert.ThrowsAsync<StoreException>(async () => await strict.ReadAllAsync("a/b", 10, Cancellation));
        Assert.EndsWith(": the server's certificate is not trusted (give the CA certificate of the endpoint, or skip the verification)", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Objects_are_encrypted_tagged_and_classed_as_asked(bool isFenced)
    {
        var options = await S3Gateway.MakeFolderAsync() with { KmsKeyId = S3Gateway.Get("S3_KMS_KEY_ID"), Tagging = "team=backup&env=test" };
        await using var store = new S3Store(options);
        var body = new byte[50_000];
        if (isFenced)
        {
            await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
            await fence.PutAsync("a/b", body, Cancellation);
        }
        else
        {
            await store.PutAsync("a/b", body, Cancellation);
        }

        Assert.Equal(body, await store.ReadAllAsync("a/b", body.Length, Cancellation));
        using var client = S3Gateway.CreateClient();
        var key = $"{options.Prefix}/a/b";
        var head = await client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = options.Bucket, Key = key }, Cancellation);
        Assert.Equal("aws:kms", head.ServerSideEncryptionMethod.Value);
        Assert.Equal(options.KmsKeyId, head.ServerSideEncryptionKeyManagementServiceKeyId);
        var tags = await client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = options.Bucket, Key = key }, Cancellation);
        Assert.Equal(["env=test", "team=backup"], tags.Tagging.Select(t => $"{t.Key}={t.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_key_of_the_customer_is_needed_to_read()
    {
        var options = await S3Gateway.MakeFolderAsync() with
        {
            Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS"),
            CaCertificates = await File.ReadAllTextAsync(S3Gateway.Get("S3_CA_FILE"), Cancellation),
            CustomerKey = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray(),
        };
        await using var store = new S3Store(options);
        var body = new byte[50_000];
        await store.PutAsync("a/b", body, Cancellation);
        Assert.Equal(body, await store.ReadAllAsync("a/b", body.Length, Cancellation));
        Assert.Equal(body.Length, (await store.StatAsync("a/b", Cancellation))!.Value.Length);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("a/c", body, Cancellation));
        Assert.Equal(body, await store.ReadAllAsync("a/c", body.Length, Cancellation));
        await using var without = new S3Store(options with { CustomerKey = default });
        await Assert.ThrowsAsync<StoreException>(async () => await without.ReadAllAsync("a/b", body.Length, Cancellation));
    }
}
