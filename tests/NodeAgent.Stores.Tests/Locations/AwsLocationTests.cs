using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.S3;

namespace NodeAgent.Stores.Tests.Locations;

public sealed class AwsLocationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static LocationDescription Location(params (string Key, string Value)[] config) => new()
    {
        Name = "default",
        Provider = "velero.io/aws",
        Bucket = "shop",
        Prefix = "/a/b/",
        Config = config.ToDictionary(p => p.Key, p => p.Value),
    };

    private static S3StoreOptions Read(params (string Key, string Value)[] config) => AwsLocation.OptionsOf(Location(config), LocationProviders.RepositoryFolder);

    [Theory]
    [InlineData("[default]\ncredential_process = /bin/keys\n")]
    [InlineData("[default]\r\n  Credential_Process=/bin/keys")]
    public void A_Secret_that_names_a_program_to_run_is_refused(string credentials)
    {
        var refused = Assert.Throws<LocationException>(() => AwsLocation.OptionsOf(Location() with { Credentials = credentials }, ""));
        Assert.Contains("credential_process", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Veleros_keys_are_understood()
    {
        var options = Read(
            ("region", "eu-north-1"), ("s3Url", "https://storage.example:9000"), ("s3ForcePathStyle", "false"), ("insecureSkipTLSVerify", "true"), ("kmsKeyId", "some-key"),
            ("serverSideEncryption", "aws:kms"), ("profile", "backup"), ("tagging", "team=a&tier=b"), ("checksumAlgorithm", ""), ("signatureVersion", "4"), ("enableSharedConfig", "true"), ("publicUrl", "https://public.example"));
        Assert.Equal(("shop", "a/b/plugins/nodeagent", "eu-north-1", "https://storage.example:9000"), (options.Bucket, options.Prefix, options.Region, options.Endpoint));
        Assert.Equal((false, true, "some-key", "aws:kms", "backup", "team=a&tier=b"), (options.PathStyle, options.SkipTlsVerification, options.KmsKeyId, options.ServerSideEncryption, options.Profile, options.Tagging));
    }

    [Fact]
    public void Keys_of_our_own_are_understood_and_what_is_left_out_is_AWS()
    {
        var options = Read(("storageClass", "STANDARD_IA"), ("objectLockMode", "COMPLIANCE"), ("objectLockDays", "30"));
        Assert.Equal(("STANDARD_IA", "COMPLIANCE", 30), (options.StorageClass, options.ObjectLockMode, options.ObjectLockDays));
        Assert.Equal(("", "", null, false), (options.Region, options.Endpoint, options.PathStyle, options.SkipTlsVerification));
        Assert.Equal("s3://shop/a/b/plugins/nodeagent", options.Location);
    }

    [Fact]
    public void The_public_url_a_certificate_in_the_settings_and_a_customers_key_from_a_Secret_are_taken()
    {
        const string Pem = "-----BEGIN CERTIFICATE-----\nMIIBdTCCARugAwIBAgIUQmFkQ2VydA==\n-----END CERTIFICATE-----";
        var error = Assert.Throws<LocationException>(() => Read(("caCert", Pem)));
        Assert.Contains("the CA certificates cannot be read", error.Message, StringComparison.Ordinal);
        var options = AwsLocation.OptionsOf(Location(("publicUrl", "https://public.example"), ("s3Url", "https://inside.example")) with { CustomerKey = new byte[32] }, "");
        Assert.Equal(("https://public.example", "https://inside.example", 32, "a/b"), (options.PublicEndpoint, options.Endpoint, options.CustomerKey.Length, options.Prefix));
    }

    [Fact]
    public void What_is_accepted_and_not_done_is_told_in_a_line_each()
    {
        var location = Location(("credentialsFile", "/etc/shadow"), ("signatureVersion", "1"));
        Assert.Equal(2, LocationProviders.NotesOn(location).Count());
        Assert.Contains("put the file into a Secret and name it in spec.credential", LocationProviders.NotesOn(location).First(), StringComparison.Ordinal);
        Assert.Equal("", AwsLocation.OptionsOf(location, "").CredentialsFile);
        Assert.Empty(LocationProviders.NotesOn(Location(("signatureVersion", "4"), ("checksumAlgorithm", "CRC32"), ("enableSharedConfig", "true"))));
    }

    [Theory]
    [InlineData("publicUrl", "public.example", "public endpoint \"public.example\" is no URL")]
    [InlineData("s3url", "x", "config.s3url is not known")]
    [InlineData("s3ForcePathStyle", "yes", "\"true\" or \"false\"")]
    [InlineData("s3Url", "storage.example:9000", "no URL")]
    [InlineData("serverSideEncryption", "rot13", "AES256")]
    [InlineData("objectLockDays", "many", "number of days")]
    [InlineData("objectLockDays", "3", "both a mode and a number")]
    [InlineData("storageClass", "GLACIER", "GLACIER_IR")]
    [InlineData("customerKeyEncryptionFile", "/nonexistent", "customerKeyEncryptionFile")]
    public void What_cannot_be_used_is_refused_by_name(string key, string value, string says)
    {
        var error = Assert.Throws<LocationException>(() => Read((key, value)));
        Assert.StartsWith("location default: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_locations_credentials_and_profile_open_its_store_and_leave_no_file()
    {
        using var server = new FakeS3();
        var location = Location(("s3Url", server.Endpoint), ("profile", "backup")) with
        {
            Credentials = "[default]\naws_access_key_id = nobody\naws_secret_access_key = x\n[backup]\naws_access_key_id=someone\naws_secret_access_key = the-secret\nregion = eu-north-1\n",
        };
        var before = TemporaryFiles();
        await using var store = LocationProviders.OpenRepositoryStore(location);
        Assert.Equal(PutOutcome.Created, await store.PutAsync("config", new byte[] { 1 }, Stop));
        Assert.Equal("a/b/plugins/nodeagent/config", Assert.Single(server.Objects).Key);
        Assert.Contains(server.Signers, signer => signer.StartsWith("someone/", StringComparison.Ordinal) && signer.Contains("/eu-north-1/s3/", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Signers, signer => signer.StartsWith("nobody", StringComparison.Ordinal));
        Assert.Empty(TemporaryFiles().Except(before));
        Assert.DoesNotContain("the-secret", location.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_profile_that_is_not_in_the_locations_credentials_is_named()
    {
        using var server = new FakeS3();
        await using var store = LocationProviders.OpenRepositoryStore(Location(("s3Url", server.Endpoint), ("profile", "backup")) with { Credentials = "[default]\naws_access_key_id = nobody\naws_secret_access_key = x\n" });
        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.StatAsync("config", Stop));
        Assert.Contains("the location's credentials: there is no profile backup", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public void A_bucket_is_no_directory() =>
        Assert.Contains("has no directory", Assert.Throws<LocationException>(() => LocationProviders.DirectoryOf(Location())).Message, StringComparison.Ordinal);

    private static HashSet<string> TemporaryFiles() => [.. Directory.EnumerateFiles(Path.GetTempPath(), "nodeagent-????????????????????????????????")];
}
