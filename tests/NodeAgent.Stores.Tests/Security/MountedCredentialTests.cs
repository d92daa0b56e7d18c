using System.Runtime.CompilerServices;
using NodeAgent.Stores.Aws;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.Tests.S3;

namespace NodeAgent.Stores.Tests.Security;

/// <summary>
/// The Secret that is mounted into the pods of controller and agents is written by somebody, too. The files that hold it are named by variables of the process, which the
/// kit reads once, and only if the files are there: nothing else runs beside these tests, and for all others the files are empty.
/// </summary>
[Collection(nameof(MountedCredentialTests))]
[CollectionDefinition(nameof(MountedCredentialTests), DisableParallelization = true)]
public sealed class MountedCredentialTests : IDisposable
{
    private static readonly string[] Variables = ["AWS_PROFILE", "AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    private static readonly string Folder = Path.Combine(Path.GetTempPath(), $"mounted-credentials-{Environment.ProcessId}");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mounted-program-");
    private readonly string?[] _before = [.. Variables.Select(Environment.GetEnvironmentVariable)];

    public MountedCredentialTests()
    {
        foreach (var variable in Variables) Environment.SetEnvironmentVariable(variable, null);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Ran => Path.Combine(_directory.FullName, "ran");

    [ModuleInitializer]
    internal static void NameFiles()
    {
        Directory.CreateDirectory(Folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Folder, recursive: true);
        Write("", "");
        Environment.SetEnvironmentVariable("AWS_SHARED_CREDENTIALS_FILE", Path.Combine(Folder, "cloud"));
        Environment.SetEnvironmentVariable("AWS_CONFIG_FILE", Path.Combine(Folder, "config"));
    }

    public void Dispose()
    {
        for (var i = 0; i < Variables.Length; i++) Environment.SetEnvironmentVariable(Variables[i], _before[i]);
        Write("", "");
        _directory.Delete(recursive: true);
    }

    [Theory]
    [InlineData("[default]\ncredential_process = PROGRAM\n", "", "")]
    [InlineData("[default]\rcredential_process = PROGRAM\r", "", "")]
    [InlineData("[other]\ncredential_process = PROGRAM\n", "", "other")]
    [InlineData("[deep]\ncredential_process = PROGRAM\n[other]\nrole_arn = arn:aws:iam::1:role/y\nsource_profile = deep\n[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = other\n", "", "")]
    [InlineData("", "[default]\ncredential_process = PROGRAM\n", "")]
    public async Task A_program_in_the_mounted_credentials_is_never_run_for_a_location(string credentials, string config, string profile)
    {
        var program = Path.Combine(_directory.FullName, "program");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\ntouch {Ran}\necho '{{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}}'\n", Stop);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Write(credentials.Replace("PROGRAM", program, StringComparison.Ordinal), config.Replace("PROGRAM", program, StringComparison.Ordinal));

        await RefusedAsync(profile, "none is run here");
        Assert.False(File.Exists(Ran), "the program was run");
    }

    [Fact]
    public async Task A_program_of_the_profile_that_the_environment_names_is_not_run_either()
    {
        Write($"[default]\naws_access_key_id = a\naws_secret_access_key = b\n[other]\ncredential_process = /usr/bin/touch {Ran}\n");
        Environment.SetEnvironmentVariable("AWS_PROFILE", "other");
        await RefusedAsync("", "none is run here");
        Assert.False(File.Exists(Ran), "the program was run");
    }

    [Fact]
    public async Task A_token_of_the_cluster_is_not_sent_anywhere_because_the_mounted_credentials_name_it()
    {
        Write("[default]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /var/run/secrets/kubernetes.io/serviceaccount/token\n");
        await RefusedAsync("", "web_identity_token_file");
    }

    [Fact]
    public async Task Keys_in_the_mounted_credentials_are_used_whatever_other_profiles_say()
    {
        Write("[default]\naws_access_key_id = mounted\naws_secret_access_key = b\n[other]\ncredential_process = /bin/false\n");
        using var server = new FakeS3();
        await using var store = LocationProviders.OpenRepositoryStore(Location(server, ""));
        Assert.Null(await store.StatAsync("config", Stop));
        Assert.NotEmpty(server.Requests);
        Assert.NotNull(AwsSigner.Find("", ""));
    }

    /// <summary>By way of a location, and of snapshots, which have their own.</summary>
    private static async Task RefusedAsync(string profile, string says)
    {
        using var server = new FakeS3();
        var failure = await Record.ExceptionAsync(async () =>
        {
            await using var store = LocationProviders.OpenRepositoryStore(Location(server, profile));
            await store.StatAsync("config", Stop);
        });
        Assert.Contains(says, failure?.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure!.Message);
        Assert.Empty(server.Requests);
        Assert.Contains(says, Assert.Throws<LocationException>(() => AwsSigner.Find(profile, "")).Message, StringComparison.Ordinal);
    }

    private static LocationDescription Location(FakeS3 server, string profile) => new()
    {
        Name = "default",
        Provider = "aws",
        Bucket = "bucket",
        Config = new Dictionary<string, string> { ["region"] = "eu-west-1", ["s3Url"] = server.Endpoint, ["profile"] = profile },
    };

    private static void Write(string credentials, string config = "")
    {
        File.WriteAllText(Path.Combine(Folder, "cloud"), credentials);
        File.WriteAllText(Path.Combine(Folder, "config"), config);
    }
}
