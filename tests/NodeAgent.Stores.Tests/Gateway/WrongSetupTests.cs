using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Faults;

namespace NodeAgent.Stores.Tests.Gateway;

/// <summary>What users set up wrongly, or differently, on a real gateway: correct work or one clear line.</summary>
public sealed class WrongSetupTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_secret_key_is_told_as_such()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Credentials = new S3Credentials(S3Gateway.AccessKey, "not-the-secret") };
        await AssertRefusedAsync(options, "the secret key does not belong to the access key (check the secret key; a proxy that changes requests has the same effect)");
    }

    [Fact]
    public async Task An_unknown_access_key_is_told_as_such()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Credentials = new S3Credentials("NOSUCHKEY", "secret") };
        await AssertRefusedAsync(options, "the server does not know the access key (check the access key, and that it belongs to this endpoint)");
    }

    [Fact]
    public async Task A_user_without_rights_is_told_which_are_needed()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Credentials = new S3Credentials(S3Gateway.Get("S3_STRANGER_ACCESS_KEY_ID"), S3Gateway.Get("S3_STRANGER_SECRET_ACCESS_KEY")) };
        await AssertRefusedAsync(
            options, "access denied (the key needs s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects; a bucket policy or an object lock can forbid it too)");
    }

    [Fact]
    public async Task A_bucket_that_does_not_exist_is_told_by_every_call()
    {
        S3Gateway.Require();
        var options = S3Gateway.OptionsFor("no-such-bucket-here");
        await using var store = new S3Store(options);
        Func<Task>[] calls =
        [
            async () => await store.PutAsync("a/b", new byte[1], Cancellation),
            async () => await store.ReadAllAsync("a/b", 1, Cancellation),
            async () => await store.ReadAsync("a/b", 0, new byte[1], Cancellation),
            async () => await store.StatAsync("a/b", Cancellation),
            async () => await store.DeleteAsync("a/b", Cancellation),
            async () =>
            {
                await foreach (var _ in store.ListAsync("", Cancellation)) { }
            },
            async () => await (await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(1), Cancellation)).PutAsync("a/b", new byte[1], Cancellation),
            async () => await TestRepository.OpenAsync(new S3Store(options)),
            async () => await InitializeAsync(options),
        ];
        foreach (var call in calls)
        {
            var exception = await Assert.ThrowsAsync<StoreException>(call);
            Assert.Equal(StoreFailure.Other, exception.Failure);
            Assert.EndsWith(
                $"in s3://no-such-bucket-here at {S3Gateway.Endpoint}: bucket no-such-bucket-here does not exist (make it, or check its name and the endpoint)",
                exception.Message.Replace("listing s3://", "listing in s3://", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_clock_that_is_off_by_hours_does_not_matter()
    {
        // The gateway's clock is the one that is wrong; for the client it looks as if its own were.
        var options = await S3Gateway.MakeFolderAsync() with { Endpoint = S3Gateway.Get("S3_ENDPOINT_SKEWED") };
        await using (var store = new S3Store(options))
        {
            var ahead = await store.GetTimeAsync(Cancellation) - DateTimeOffset.UtcNow;
            Assert.InRange(ahead, TimeSpan.FromHours(4.9), TimeSpan.FromHours(5.1));
            Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", new byte[10], Cancellation));
            Assert.InRange((await store.StatAsync("a/b", Cancellation))!.Value.LastModified - DateTimeOffset.UtcNow, TimeSpan.FromHours(4.9), TimeSpan.FromHours(5.1));
            Assert.True(await store.DeleteAsync("a/b", Cancellation));
        }

        await BackUpAndRestoreAsync(options);

        await using var fenced = new S3Store(options);
        await using (var fence = await fenced.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation))
            Assert.Equal(PutOutcome.Created, await fence.PutAsync("fenced/in-time", new byte[10], Cancellation));
        await using var late = await fenced.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromSeconds(1), Cancellation);
        var taken = await fenced.GetTimeAsync(Cancellation);
        while (await fenced.GetTimeAsync(Cancellation) <= taken + TimeSpan.FromSeconds(2)) await Task.Delay(100, Cancellation);
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await late.PutAsync("fenced/late", new byte[10], Cancellation));
        Assert.Null(await fenced.StatAsync("fenced/late", Cancellation));
    }

    [Fact]
    public async Task A_versioned_bucket_serves_as_any_other()
    {
        S3Gateway.Require();
        var bucket = await S3Gateway.MakeBucketAsync(Cancellation);
        using var client = S3Gateway.CreateClient();
        await client.PutBucketVersioningAsync(new PutBucketVersioningRequest { BucketName = bucket, VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled } }, Cancellation);
        var options = S3Gateway.OptionsFor(bucket) with { Prefix = "backups" };
        await AssertWritesAndDeletesAsync(options);
        await BackUpAndRestoreAsync(options);
        // It is versioned indeed: what was deleted is there as an older version.
        var versions = await client.ListVersionsAsync(new ListVersionsRequest { BucketName = bucket, Prefix = "backups/a/b" }, Cancellation);
        Assert.Equal(2, versions.Versions.Count(v => v.IsDeleteMarker != true));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GOVERNANCE")]
    public async Task A_bucket_with_object_lock_serves_as_any_other(string mode)
    {
        S3Gateway.Require();
        var bucket = await S3Gateway.MakeBucketAsync(Cancellation, objectLock: true);
        var options = S3Gateway.OptionsFor(bucket) with { ObjectLockMode = mode, ObjectLockDays = mode.Length > 0 ? 1 : 0 };
        await AssertWritesAndDeletesAsync(options);
        await BackUpAndRestoreAsync(options);
        using var client = S3Gateway.CreateClient();
        var config = await client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = bucket, Key = "config" }, Cancellation);
        Assert.Equal(mode, config.ObjectLockMode?.Value ?? "");
    }

    [Fact]
    public async Task A_bucket_that_locks_every_object_by_itself_serves_as_any_other()
    {
        S3Gateway.Require();
        var bucket = await S3Gateway.MakeBucketAsync(Cancellation, objectLock: true);
        using var client = S3Gateway.CreateClient();
        await client.PutObjectLockConfigurationAsync(
            new PutObjectLockConfigurationRequest
            {
                BucketName = bucket,
                ObjectLockConfiguration = new ObjectLockConfiguration
                {
                    ObjectLockEnabled = ObjectLockEnabled.Enabled,
                    Rule = new ObjectLockRule { DefaultRetention = new DefaultRetention { Mode = ObjectLockRetentionMode.Governance, Days = 1 } },
                },
            },
            Cancellation);
        await AssertWritesAndDeletesAsync(S3Gateway.OptionsFor(bucket));
        await BackUpAndRestoreAsync(S3Gateway.OptionsFor(bucket));
    }

    [Fact]
    public async Task An_endpoint_that_ignores_the_condition_of_a_put_overwrites_nothing()
    {
        var options = await S3Gateway.MakeFolderAsync();
        using var client = S3Gateway.CreateClient();
        await using var proxy = new FaultProxy(S3Gateway.Endpoint);
        var lies = 0;
        // As a server that does not know the header: what is there makes way.
        proxy.OnRequest = async request =>
        {
            if (request.Method != "PUT" || !request.IsConditional) return;
            Interlocked.Increment(ref lies);
            await client.DeleteObjectAsync(options.Bucket, Uri.UnescapeDataString(request.Path[(options.Bucket.Length + 2)..]), Cancellation);
        };
        var lying = options with { Endpoint = proxy.Endpoint };
        await using (var store = new S3Store(lying))
        {
            Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "first"u8.ToArray(), Cancellation));
            Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("a/b", "other"u8.ToArray(), Cancellation));
            Assert.Equal("first"u8.ToArray(), await store.ReadAllAsync("a/b", 10, Cancellation));
            await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(1), Cancellation);
            Assert.Equal(PutOutcome.AlreadyExists, await fence.PutAsync("a/b", "other"u8.ToArray(), Cancellation));
            Assert.Equal("first"u8.ToArray(), await store.ReadAllAsync("a/b", 10, Cancellation));
        }

        await using (var store = new S3Store(lying))
        {
            var found = await store.ProbeAsync(Cancellation);
            Assert.False(found.HonoursConditionalPut);
            Assert.True(found.RefusesExpired);
            Assert.NotEmpty(found.Warnings);
            Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("a/b", "other"u8.ToArray(), Cancellation));
            Assert.Equal("first"u8.ToArray(), await store.ReadAllAsync("a/b", 10, Cancellation));
        }

        await BackUpAndRestoreAsync(lying);
        await Assert.ThrowsAsync<RepositoryExistsException>(() => InitializeAsync(lying));
        Assert.True(lies > 0, "the endpoint was not asked to lie");
    }

    private static async Task AssertWritesAndDeletesAsync(S3StoreOptions options)
    {
        await using var store = new S3Store(options);
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "first"u8.ToArray(), Cancellation));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("a/b", "other"u8.ToArray(), Cancellation));
        Assert.True(await store.DeleteAsync("a/b", Cancellation));
        Assert.False(await store.DeleteAsync("a/b", Cancellation));
        Assert.Null(await store.StatAsync("a/b", Cancellation));
        await foreach (var entry in store.ListAsync("a/", Cancellation)) Assert.Fail($"{entry.Key} is still listed");
        // A delete marker is no object.
        Assert.Equal(PutOutcome.Created, await store.PutAsync("a/b", "second"u8.ToArray(), Cancellation));
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Cancellation);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("a/c", "third"u8.ToArray(), Cancellation));
        Assert.True(await fence.DeleteAsync("a/b", Cancellation));
        Assert.True(await fence.DeleteAsync("a/c", Cancellation));
        await foreach (var entry in store.ListAsync("", Cancellation)) Assert.Fail($"{entry.Key} is still listed");
    }

    private static async Task BackUpAndRestoreAsync(S3StoreOptions options)
    {
        var files = SampleTree.Create(SeededRandom.Create(), 64 << 10, 5);
        SnapshotId id;
        await using (var repository = await InitializeAsync(options)) id = await SampleBackup.WriteAsync(repository, files);
        await using var opened = await TestRepository.OpenAsync(new S3Store(options));
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(opened, id));
        Assert.Empty((await new RepositoryCheck(opened, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation)).Problems);
    }

    /// <summary>Opening and making a repository both fail at once, with this reason.</summary>
    private static async Task AssertRefusedAsync(S3StoreOptions options, string why)
    {
        foreach (var call in (Func<Task>[])[() => TestRepository.OpenAsync(new S3Store(options)), () => InitializeAsync(options)])
        {
            var exception = await Assert.ThrowsAsync<StoreException>(call);
            Assert.Equal(StoreFailure.PermissionDenied, exception.Failure);
            Assert.EndsWith($" in s3://{options.Bucket}/{options.Prefix} at {S3Gateway.Endpoint}: {why}", exception.Message, StringComparison.Ordinal);
        }
    }

    private static Task<ChunkRepository> InitializeAsync(S3StoreOptions options) =>
        ChunkRepository.InitializeAsync(new S3Store(options), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
}
