using System.Net;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.S3;

namespace NodeAgent.Stores.Tests.Security;

/// <summary>What somebody tries who may write locations, and Secrets beside them, and wants what controller and agents have.</summary>
public sealed class LocationTests : IDisposable
{
    private const string Keys = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hostile-location-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("kube-system/admin")]
    [InlineData("../kube-system/secrets/admin")]
    [InlineData("..%2Fkube-system")]
    [InlineData("..")]
    public async Task A_Secret_of_another_namespace_is_refused_and_not_asked_for(string name)
    {
        var asked = 0;
        var secrets = new LocationSecrets("velero", (_, _) =>
        {
            asked++;
            return Task.FromResult<IReadOnlyDictionary<string, string>?>(null);
        });
        foreach (var (credential, certificate) in new (SecretEntry?, SecretEntry?)[] { (new(name, "cloud"), null), (null, new(name, "ca")) })
        {
            var failure = await Assert.ThrowsAsync<LocationException>(() => secrets.CompleteAsync(Aws(), credential, null, certificate, Stop));
            Assert.EndsWith($"names Secret \"{name}\", which is no name of a Secret: only those of namespace velero can be named", failure.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, asked);
        await Assert.ThrowsAsync<LocationException>(() => secrets.CompleteAsync(Aws(), new("own", "cloud"), null, null, Stop));
        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData("[default]\ncredential_process = PROGRAM\n")]
    [InlineData("[default]\r\n  Credential_Process=PROGRAM\r\n")]
    [InlineData("[default]\rcredential_process = PROGRAM\r")] // lines end so, too, for the kit that reads them
    [InlineData("[other]\ncredential_process = PROGRAM\n[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = other\n")]
    [InlineData("[profile other]\ncredential_process = PROGRAM\n[default]\naws_access_key_id = a\naws_secret_access_key = b\n")]
    public async Task A_program_in_a_locations_credentials_is_never_run(string credentials)
    {
        var ran = Path.Combine(_directory.FullName, "ran");
        var program = Path.Combine(_directory.FullName, "program");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\ntouch {ran}\n", Stop);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var server = new FakeS3();

        var failure = await Record.ExceptionAsync(async () =>
        {
            await using var store = LocationProviders.OpenRepositoryStore(Aws(("s3Url", server.Endpoint)) with { Credentials = credentials.Replace("PROGRAM", program, StringComparison.Ordinal) });
            await store.StatAsync("config", Stop);
        });

        Assert.False(File.Exists(ran), "the program was run");
        Assert.Contains("none is run here", failure?.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure!.Message);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("[default]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /var/run/secrets/kubernetes.io/serviceaccount/token\n", "web_identity_token_file")]
    [InlineData("[default]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /var/run/secrets/eks.amazonaws.com/../kubernetes.io/serviceaccount/token\n", "web_identity_token_file")]
    [InlineData(Keys + "region = thief.example/\n", "region")]
    public async Task A_file_of_the_pod_is_not_sent_anywhere_because_a_locations_credentials_name_it(string credentials, string says)
    {
        using var server = new FakeS3();
        await using var store = LocationProviders.OpenRepositoryStore(Aws(("s3Url", server.Endpoint)) with { Credentials = credentials });

        var failure = await Assert.ThrowsAsync<StoreException>(async () => await store.StatAsync("config", Stop));

        Assert.Contains(says, failure.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
        // The same location with keys is served.
        await using var sound = LocationProviders.OpenRepositoryStore(Aws(("s3Url", server.Endpoint)) with { Credentials = Keys });
        Assert.Null(await sound.StatAsync("config", Stop));
        Assert.NotEmpty(server.Requests);
    }

    [Theory]
    [InlineData("[default]\naws_secret_access_key: THE-KEY\n", "line 2")]
    [InlineData("[default]\naws_access_key_id = a\naws_secret_access_key =\nTHE-KEY\n", "line 4")]
    [InlineData("THE-KEY", "")]
    public async Task A_malformed_credentials_file_is_told_by_its_line_and_not_by_what_is_in_it(string credentials, string says)
    {
        using var server = new FakeS3();
        await using var store = LocationProviders.OpenRepositoryStore(Aws(("s3Url", server.Endpoint)) with { Credentials = credentials });

        var failure = await Assert.ThrowsAsync<StoreException>(async () => await store.StatAsync("config", Stop));

        Assert.Contains(says, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("THE-KEY", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/var/run/secrets/kubernetes.io/serviceaccount/token")]
    [InlineData("/credentials/../etc/shadow")]
    [InlineData("/credentials-of-others/key")]
    public void A_file_of_the_pod_is_no_customers_key(string file)
    {
        var failure = Assert.Throws<LocationException>(() => AwsLocation.OptionsOf(Aws(("customerKeyEncryptionFile", file)), ""));
        Assert.Contains("is not below /credentials/", failure.Message, StringComparison.Ordinal);
        // One that is there is read, or told to be missing.
        Assert.Contains("cannot be read", Assert.Throws<LocationException>(() => AwsLocation.OptionsOf(Aws(("customerKeyEncryptionFile", "/credentials/none")), "")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://169.254.169.254")]
    [InlineData("http://169.254.169.254:80/")]
    [InlineData("http://0xa9fea9fe")]
    [InlineData("http://2852039166")]
    [InlineData("http://[::ffff:169.254.169.254]")]
    [InlineData("http://[fe80::1]")]
    [InlineData("http://[fd00:ec2::254]")]
    [InlineData("http://169.254.170.2")]
    public void The_clouds_metadata_service_is_no_location(string address)
    {
        Assert.Contains("link-local", Assert.Throws<LocationException>(() => AwsLocation.OptionsOf(Aws(("s3Url", address)), "")).Message, StringComparison.Ordinal);
        var azure = new LocationDescription
        {
            Name = "default",
            Provider = "azure",
            Bucket = "container",
            Config = new Dictionary<string, string> { ["storageAccount"] = "account", ["storageAccountURI"] = address },
            Credentials = $"{AzureCredentials.AccountKey}=a2V5\n",
        };
        Assert.Contains("link-local", Assert.Throws<LocationException>(() => AzureLocation.OptionsOf(azure, "", _ => null)).Message, StringComparison.Ordinal);
        // What is common stays allowed: a service in the cluster, and one beside this process.
        _ = AwsLocation.OptionsOf(Aws(("s3Url", "http://minio.storage.svc:9000")), "");
        _ = AwsLocation.OptionsOf(Aws(("s3Url", "http://127.0.0.1:9000")), "");
    }

    [Fact]
    public async Task A_name_that_leads_to_the_metadata_service_is_not_connected_to()
    {
        foreach (var host in (string[])["169.254.169.254", "fe80::1", "::ffff:169.254.1.1"])
            Assert.Contains("link-local", (await Assert.ThrowsAsync<IOException>(async () => await LinkLocal.ConnectAsync(new DnsEndPoint(host, 80), Stop))).Message, StringComparison.Ordinal);
        // It does connect where it may: to a name as to an address. Tests with a FakeS3 do nothing else.
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        foreach (var host in (string[])["localhost", "127.0.0.1"])
            await using (await LinkLocal.ConnectAsync(new DnsEndPoint(host, ((IPEndPoint)listener.LocalEndpoint).Port), Stop)) using (await listener.AcceptTcpClientAsync(Stop))
            {
            }

        Assert.False(LinkLocal.Has(IPAddress.Parse("169.253.1.1")) || LinkLocal.Has(IPAddress.Loopback) || LinkLocal.Has(IPAddress.IPv6Loopback));
    }

    [Theory]
    [InlineData("bucket/../../latest")]
    [InlineData("latest/meta-data")]
    [InlineData("?acl")]
    public void A_bucket_is_a_name_and_no_path(string bucket) =>
        Assert.Contains("is no bucket name", Assert.Throws<LocationException>(() => AwsLocation.OptionsOf(Aws() with { Bucket = bucket }, "")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("/")]
    [InlineData("//")]
    [InlineData("/data/..")]
    [InlineData("/proc")]
    [InlineData("/proc/1/root/data")]
    [InlineData("/data/../etc")]
    [InlineData("/var/run/secrets/kubernetes.io/serviceaccount")]
    [InlineData("/run/secrets/x")]
    [InlineData("/host_pods")]
    [InlineData("/host_pods/uid/volumes/kubernetes.io~empty-dir/data")]
    [InlineData("/var/lib/kubelet/pods/")]
    [InlineData("/credentials")]
    [InlineData("/dev/shm/x")]
    public void The_systems_own_directories_are_no_location(string path)
    {
        var location = new LocationDescription { Name = "default", Provider = "filesystem", Config = new Dictionary<string, string> { ["path"] = path } };
        Assert.Contains("cannot be a location", Assert.Throws<LocationException>(() => LocationProviders.DirectoryOf(location)).Message, StringComparison.Ordinal);
        Assert.Throws<LocationException>(() => LocationProviders.OpenRepositoryStore(location));
        Assert.Throws<LocationException>(() => LocationProviders.OpenBucket(location, "/tmp", RetryOptions.ForServers));
    }

    [Fact]
    public void Directories_that_only_begin_like_the_systems_own_are_locations()
    {
        foreach (var path in (string[])["/data", "/mnt/backups", "/etcetera", "/host_pods_copy", "/var/lib/backups"])
            Assert.Equal(path, LocationProviders.DirectoryOf(new LocationDescription { Name = "default", Provider = "filesystem", Config = new Dictionary<string, string> { ["path"] = path } }));
    }

    [Theory]
    [InlineData("backups/b/b.tar.gz")]
    [InlineData("backups/b")]
    [InlineData("backups")]
    public async Task A_link_in_a_directory_of_backups_leads_nowhere(string linked)
    {
        var location = _directory.CreateSubdirectory("location").FullName;
        var outside = _directory.CreateSubdirectory("outside").FullName;
        Directory.CreateDirectory(Path.Combine(outside, "b"));
        foreach (var name in (string[])["b/b.tar.gz", "b.tar.gz", "token"]) await File.WriteAllTextAsync(Path.Combine(outside, name), "the token", Stop);
        var path = Path.Combine(location, linked);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.CreateSymbolicLink(path, linked.EndsWith("gz", StringComparison.Ordinal) ? Path.Combine(outside, "token") : outside);
        await using var bucket = new DirectoryBucket(location);
        const string key = "backups/b/b.tar.gz";

        Func<Task>[] attempts =
        [
            () => bucket.OpenAsync(key, long.MaxValue, Stop),
            () => bucket.ReadStartAsync(key, 10, Stop),
            () => bucket.PutAsync(key, "mine"u8.ToArray(), Stop),
            () => bucket.TryCreateAsync(key, "mine"u8.ToArray(), Stop),
            () => bucket.DeleteAsync(key, Stop),
        ];
        foreach (var attempt in attempts)
        {
            var failure = await Assert.ThrowsAsync<IOException>(async () => await attempt());
            Assert.Contains("links are not followed in a location", failure.Message, StringComparison.Ordinal);
            Assert.True(BucketFailure.IsCauseOf(failure));
        }

        if (linked == "backups/b") Assert.Empty(await bucket.ListFoldersAsync("backups", Stop));
        Assert.Equal("the token", await File.ReadAllTextAsync(Path.Combine(outside, "token"), Stop));
        Assert.Equal("the token", await File.ReadAllTextAsync(Path.Combine(outside, "b", "b.tar.gz"), Stop));
        // The location itself may be a link: an administrator mounted it so.
        File.CreateSymbolicLink(Path.Combine(_directory.FullName, "mounted"), outside);
        await using var sound = new DirectoryBucket(Path.Combine(_directory.FullName, "mounted"));
        await using var read = await sound.OpenAsync("b/b.tar.gz", long.MaxValue, Stop);
        Assert.Equal(9, read?.Length);
    }

    private static LocationDescription Aws(params (string Key, string Value)[] config) => new()
    {
        Name = "default",
        Provider = "velero.io/aws",
        Bucket = "shop",
        Prefix = "a/b",
        Config = config.ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal),
    };
}
