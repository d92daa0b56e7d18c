using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class S3OptionTests
{
    [Theory]
    [InlineData("s3://", "no bucket")]
    [InlineData("s3://a bucket/x", "no bucket name")]
    [InlineData("s3://bucket/a/../b", "prefix")]
    [InlineData("s3://bucket", "not known", "--s3-sse", "rot13")]
    [InlineData("s3://bucket", "AES256", "--s3-sse", "AES256", "--s3-kms-key-id", "some-key")]
    [InlineData("s3://bucket", "no URL", "--s3-endpoint", "storage.example:9000")]
    [InlineData("s3://bucket", "without path", "--s3-endpoint", "https://storage.example/bucket")]
    [InlineData("s3://bucket", "GLACIER_IR", "--s3-storage-class", "DEEP_ARCHIVE")]
    [InlineData("s3://bucket", "key=value", "--s3-tagging", "team")]
    [InlineData("s3://bucket", "governance:30", "--s3-object-lock", "30")]
    [InlineData("s3://bucket", "GOVERNANCE or COMPLIANCE", "--s3-object-lock", "forever:30")]
    [InlineData("s3://bucket", "above zero", "--s3-object-lock", "governance:0")]
    public async Task Addresses_and_flags_that_cannot_be_used_end_with_2_and_say_what_can(string repository, string says, params string[] flags)
    {
        using var files = new TemporaryDirectory();
        var result = await NodeAgentProcess.RunAsync(["repo", "init", "--repo", repository, "--generate-key", files["key"], .. flags]);
        result.ExpectError(2, says);
        Assert.Single(result.ErrorLines, line => line.StartsWith("error:", StringComparison.Ordinal));
        Assert.False(File.Exists(files["key"]));
    }

    [Fact]
    public async Task Files_that_are_not_there_are_named_with_their_flag()
    {
        using var files = new TemporaryDirectory();
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", "s3://bucket", "--s3-endpoint", "https://127.0.0.1:1", "--s3-ca-cert", files["none"])).ExpectError(1, "--s3-ca-cert", files["none"], "not there");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", "s3://bucket", "--s3-endpoint", "https://127.0.0.1:1", "--s3-customer-key-file", files.Write("short", "12345"))).ExpectError(2, "5 bytes instead of 32");
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", "s3://bucket", "--s3-endpoint", "http://127.0.0.1:1", "--s3-credentials-file", files["none"], "--generate-key", files["key"])).ExpectError(1, "no credentials", files["none"]);
    }

    [Fact]
    public async Task A_directory_is_not_probed()
    {
        using var machine = await MachineRepository.CreateAsync();
        (await machine.RunAsync("repo", "info", "--probe")).ExpectError(2, "--probe", "S3");
    }
}
