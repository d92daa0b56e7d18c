using System.Net;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;
using NodeAgent.Stores.Tests.S3;
using S3Bucket = NodeAgent.Stores.Buckets.S3Bucket;

namespace NodeAgent.Stores.Tests.Buckets;

/// <summary>What only an object store can do or fail at.</summary>
public sealed class S3BucketTests
{
    private const long TwoParts = (16 << 20) + 1;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_address_for_download_works_without_credentials_until_its_time_is_over()
    {
        var options = await S3Gateway.MakeFolderAsync();
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        await bucket.PutAsync("backups/b/b-logs.gz", "the log"u8.ToArray(), Stop);
        var address = await bucket.AddressForDownloadAsync("backups/b/b-logs.gz", TimeSpan.FromMinutes(10), Stop);
        Assert.StartsWith(options.Endpoint, address.AbsoluteUri, StringComparison.Ordinal);
        Assert.Contains("X-Amz-Expires=600", address.Query, StringComparison.Ordinal);
        using var anybody = new HttpClient();
        Assert.Equal("the log", await anybody.GetStringAsync(address, Stop));
        using var unsigned = await anybody.GetAsync(new Uri(address.GetLeftPart(UriPartial.Path)), Stop);
        Assert.Equal(HttpStatusCode.Forbidden, unsigned.StatusCode);
    }

    [Fact]
    public async Task An_address_for_download_is_at_the_public_url_and_by_the_servers_clock()
    {
        using var server = new FakeS3 { ClockOffset = TimeSpan.FromHours(5) };
        var options = new S3StoreOptions { Bucket = "shop", Prefix = "p", Endpoint = server.Endpoint, PublicEndpoint = "https://files.example:9443", Credentials = new S3Credentials("a", "b") };
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        var address = await bucket.AddressForDownloadAsync("backups/b/b.tar.gz", TimeSpan.FromMinutes(10), Stop);
        Assert.Equal("https://files.example:9443/shop/p/backups/b/b.tar.gz", address.GetLeftPart(UriPartial.Path));
        var signed = DateTimeOffset.ParseExact(System.Web.HttpUtility.ParseQueryString(address.Query)["X-Amz-Date"]!, "yyyyMMdd'T'HHmmss'Z'", null, System.Globalization.DateTimeStyles.AssumeUniversal);
        Assert.InRange(signed - DateTimeOffset.UtcNow, TimeSpan.FromHours(4.9), TimeSpan.FromHours(5.1));
    }

    [Theory]
    [InlineData(412, false, false)]
    // How some servers say 412.
    [InlineData(304, false, false)]
    [InlineData(412, true, false)]
    [InlineData(412, false, true)]
    public async Task A_file_that_is_there_is_not_created_whatever_the_server_makes_of_conditions(int status, bool ignores, bool refuses)
    {
        using var server = new FakeS3 { ConditionStatus = status, IgnoresConditions = ignores, RefusesConditions = refuses };
        await using var bucket = new S3Bucket(new S3StoreOptions { Bucket = "shop", Prefix = "p", Endpoint = server.Endpoint, Credentials = new S3Credentials("a", "b") }, Path.GetTempPath());
        Assert.True(await bucket.TryCreateAsync("backups/b/claim", "first"u8.ToArray(), Stop));
        Assert.False(await bucket.TryCreateAsync("backups/b/claim", "second"u8.ToArray(), Stop));
        Assert.Equal("first"u8.ToArray(), server.Objects["p/backups/b/claim"]);
        if (ignores || refuses) return;
        // Where the server heeds them, also of many at once.
        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => bucket.TryCreateAsync("backups/c/claim", new[] { (byte)i }, Stop))));
        Assert.Equal((byte)Array.IndexOf(made, true), Assert.Single(server.Objects["p/backups/c/claim"]));
        Assert.Single(made, m => m);
    }

    [Fact]
    public async Task A_listing_of_what_lies_elsewhere_deletes_nothing_and_is_not_taken_for_an_empty_place()
    {
        using var server = new FakeS3();
        var options = new S3StoreOptions
        {
            Bucket = "shop",
            Prefix = "p",
            Endpoint = server.Endpoint,
            Credentials = new S3Credentials("a", "b"),
            Retry = new RetryOptions { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), GiveUpAfter = TimeSpan.FromMilliseconds(20) },
        };
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        server.Objects["p/backups/b/1"] = [1];
        server.Objects["p/backups/c/1"] = [1];
        // A server that does not go by the prefix.
        server.EditListing = text => text.Replace("backups/b", "backups/c", StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(() => bucket.DeleteFolderAsync("backups/b", Stop));
        Assert.Equal(2, server.Objects.Count);
        server.EditListing = static _ => "<html><body>Log in</body></html>";
        await Assert.ThrowsAsync<StoreException>(() => bucket.HoldsNothingAsync(Stop));
        await Assert.ThrowsAsync<StoreException>(() => bucket.ListFoldersAsync("backups", Stop));
    }

    [Fact]
    public async Task An_upload_that_fails_half_way_leaves_the_old_file_and_no_parts()
    {
        var options = await S3Gateway.MakeFolderAsync();
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        await bucket.PutAsync("x", "old"u8.ToArray(), Stop);
        // Ends before the length that it claims.
        using var broken = new ShortStream(TwoParts, TwoParts - 1);
        await Assert.ThrowsAsync<EndOfStreamException>(() => bucket.PutAsync("x", broken, Stop));
        await using (var file = await bucket.OpenAsync("x", long.MaxValue, Stop)) Assert.Equal(3, file!.Length);
        using var client = S3Gateway.CreateClient();
        var uploads = await client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = options.Bucket, Prefix = options.Prefix }, Stop);
        Assert.Empty(uploads.MultipartUploads ?? []);
    }

    [Fact]
    public async Task Settings_of_the_location_reach_files_of_one_part_and_of_many()
    {
        var options = await S3Gateway.MakeFolderAsync() with { Tagging = "team=a&tier=b" };
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        await bucket.PutAsync("small", new byte[10], Stop);
        using var large = new MemoryStream(new byte[TwoParts]);
        await bucket.PutAsync("large", large, Stop);
        using var client = S3Gateway.CreateClient();
        foreach (var name in new[] { "small", "large" })
        {
            var tags = await client.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = options.Bucket, Key = $"{options.Prefix}/{name}" }, Stop);
            Assert.Equal(["team=a", "tier=b"], tags.Tagging.Select(t => $"{t.Key}={t.Value}").Order());
        }
    }

    [Fact]
    public async Task Files_under_a_customers_key_work_over_tls_and_have_no_address_for_download()
    {
        var key = new byte[32];
        key[0] = 7;
        var options = await S3Gateway.MakeFolderAsync() with
        {
            Endpoint = S3Gateway.Get("S3_ENDPOINT_TLS"),
            CaCertificates = await File.ReadAllTextAsync(S3Gateway.Get("S3_CA_FILE"), Stop),
            CustomerKey = key,
        };
        await using var bucket = new S3Bucket(options, Path.GetTempPath());
        using var large = new MemoryStream(new byte[TwoParts]);
        await bucket.PutAsync("large", large, Stop);
        await using (var file = await bucket.OpenAsync("large", long.MaxValue, Stop)) Assert.Equal(TwoParts, file!.Length);
        Assert.True(await bucket.ExistsAsync("large", Stop));
        var error = await Assert.ThrowsAsync<LocationException>(() => bucket.AddressForDownloadAsync("large", TimeSpan.FromMinutes(1), Stop));
        Assert.Contains("no address", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bucket_that_does_not_exist_is_told_by_every_call()
    {
        S3Gateway.Require();
        await using var bucket = new S3Bucket(S3Gateway.OptionsFor("no-such-bucket-here"), Path.GetTempPath());
        using var large = new MemoryStream(new byte[TwoParts]);
        Func<Task>[] calls =
        [
            () => bucket.RequireAsync(Stop), () => bucket.HoldsNothingAsync(Stop), () => bucket.ListFoldersAsync("backups", Stop), () => bucket.ExistsAsync("x", Stop),
            () => bucket.OpenAsync("x", long.MaxValue, Stop), () => bucket.PutAsync("x", new byte[1], Stop), () => bucket.PutAsync("x", large, Stop), () => bucket.DeleteAsync("x", Stop), () => bucket.DeleteFolderAsync("x", Stop),
        ];
        foreach (var call in calls)
        {
            var error = await Assert.ThrowsAsync<StoreException>(call);
            Assert.Contains("bucket no-such-bucket-here does not exist (make it, or check its name and the endpoint)", error.Message, StringComparison.Ordinal);
        }
    }

    private sealed class ShortStream(long claimed, long real) : Stream
    {
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => claimed;

        public override long Position { get => _position; set => _position = value; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(count, real - _position);
            _position += read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
