using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Stores.Tests.S3;

namespace NodeAgent.EndToEnd.Tests.S3;

/// <summary>Where keys for S3 may come from, as a process of its own sees it. The server notes who signed.</summary>
public sealed class CredentialSourceTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("credential-test-");
    private readonly FakeS3 _server = new();

    public void Dispose()
    {
        _server.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task A_web_identity_is_exchanged_for_temporary_keys()
    {
        using var sts = new StsStandIn();
        var token = Write("token", "the-identity");
        await InitializeAsync(new()
        {
            ["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/backup",
            ["AWS_WEB_IDENTITY_TOKEN_FILE"] = token,
            ["AWS_ROLE_SESSION_NAME"] = "nodeagent",
            ["AWS_ENDPOINT_URL_STS"] = sts.Endpoint,
        });
        AssertSigned(StsStandIn.AccessKey, "eu-north-1");
        var asked = Assert.Single(sts.Asked);
        Assert.Equal(("AssumeRoleWithWebIdentity", "arn:aws:iam::1:role/backup", "the-identity"), (asked["Action"], asked["RoleArn"], asked["WebIdentityToken"]));
    }

    [Fact]
    public async Task A_profile_of_a_named_file_counts_before_the_environment()
    {
        var file = Write("credentials", "[default]\naws_access_key_id=wrong\naws_secret_access_key=x\n[backup]\naws_access_key_id=right\naws_secret_access_key=y\nregion=eu-west-3\n");
        await InitializeAsync(new() { ["AWS_ACCESS_KEY_ID"] = "environment", ["AWS_SECRET_ACCESS_KEY"] = "z", ["AWS_REGION"] = "" }, "--s3-credentials-file", file, "--s3-profile", "backup");
        AssertSigned("right", "eu-west-3");
    }

    [Fact]
    public async Task The_file_and_the_profile_that_the_environment_names_are_used()
    {
        var file = Write("credentials", "[default]\naws_access_key_id=wrong\naws_secret_access_key=x\n[backup]\naws_access_key_id=right\naws_secret_access_key=y\n");
        await InitializeAsync(new() { ["AWS_SHARED_CREDENTIALS_FILE"] = file, ["AWS_PROFILE"] = "backup" });
        AssertSigned("right", "eu-north-1");
    }

    [Fact]
    public async Task The_default_profile_of_the_file_that_the_environment_names_is_used_as_in_a_pod_of_Velero()
    {
        var file = Write("cloud", "[default]\naws_access_key_id=right\naws_secret_access_key=y\n");
        await InitializeAsync(new() { ["AWS_SHARED_CREDENTIALS_FILE"] = file });
        AssertSigned("right", "eu-north-1");
    }

    [Fact]
    public async Task A_profile_may_name_a_program_that_prints_keys()
    {
        var program = Write("keys", "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"printed\",\"SecretAccessKey\":\"p\",\"SessionToken\":\"t\"}'\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var file = Write("credentials", $"[default]\ncredential_process = {program}\n");
        await InitializeAsync(new(), "--s3-credentials-file", file);
        AssertSigned("printed", "eu-north-1");
    }

    [Fact]
    public async Task Keys_of_the_environment_are_used_where_nothing_else_is_named()
    {
        await InitializeAsync(new() { ["AWS_ACCESS_KEY_ID"] = "environment", ["AWS_SECRET_ACCESS_KEY"] = "z" });
        AssertSigned("environment", "eu-north-1");
    }

    private async Task InitializeAsync(Dictionary<string, string> environment, params string[] flags)
    {
        environment.TryAdd("AWS_REGION", "eu-north-1");
        environment["HOME"] = _directory.FullName;
        environment["AWS_EC2_METADATA_DISABLED"] = "true";
        await NodeAgentCommand.RunAsync(environment, ["repo", "init", "--repo", "s3://shop/p", "--s3-endpoint", _server.Endpoint, "--generate-key", Path.Combine(_directory.FullName, "key"), .. flags]);
    }

    private void AssertSigned(string accessKey, string region)
    {
        Assert.NotEmpty(_server.Signers);
        Assert.All(_server.Signers, signer => Assert.StartsWith($"{accessKey}/", signer, StringComparison.Ordinal));
        Assert.All(_server.Signers, signer => Assert.Contains($"/{region}/s3/", signer, StringComparison.Ordinal));
        Assert.Contains(_server.Objects.Keys, key => key == "p/config");
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }
}
