using Amazon.Runtime;
using Amazon.S3;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>A repository at s3:// on a real gateway.</summary>
public sealed class S3RepositoryTests
{
    private const string Prefix = "NODEAGENT_TEST_";

    private static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable(Prefix + name);
        Assert.SkipUnless(value is { Length: > 0 }, "no S3 gateway: eval \"$(tests/services/ceph-gateway up --tests)\" starts one (docs/testing.md)");
        return value!;
    }

    [Fact]
    public async Task A_directory_goes_to_a_bucket_and_comes_back()
    {
        using var files = new TemporaryDirectory();
        var bucket = await MakeBucketAsync();
        var environment = EnvironmentOf(files, bucket);
        Directory.CreateDirectory(files["source"]);
        File.WriteAllBytes(Path.Combine(files["source"], "large"), [.. Enumerable.Range(0, 3_000_000).Select(i => (byte)(i * i >> 5))]);
        File.WriteAllText(Path.Combine(files["source"], "small"), "x");

        var made = await NodeAgentProcess.RunAsync(environment, "repo", "init", "--generate-key", files["key"]);
        Assert.EndsWith($"made in s3://{bucket}/a/b at {Get("S3_ENDPOINT")}", made.Expect(0).Output.TrimEnd(), StringComparison.Ordinal);
        (await NodeAgentProcess.RunAsync(environment, "repo", "init", "--generate-key", files["key2"])).ExpectError(1, $"s3://{bucket}/a/b", "there is one already");
        (await NodeAgentProcess.RunAsync(environment, "snapshot", "create", files["source"])).Expect(0);
        (await NodeAgentProcess.RunAsync(environment, "repo", "check", "--read-data")).Expect(0);
        (await NodeAgentProcess.RunAsync(environment, "snapshot", "restore", "latest", "--target", files["target"])).Expect(0);
        foreach (var name in (string[])["large", "small"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(files["source"], name)), File.ReadAllBytes(Path.Combine(files["target"], name)));

        var endpoint = MachineRepository.Parse((await NodeAgentProcess.RunAsync(environment, "repo", "info", "-o", "json")).Expect(0))["endpoint"]!;
        foreach (var does in (string[])["conditionalPut", "readAfterPut", "listAfterPut", "refusesExpired"]) Assert.True((bool)endpoint[does]!, does);
        environment.Variables["XDG_CACHE_HOME"] = files["other cache"];
        var unknown = (await NodeAgentProcess.RunAsync(environment, "repo", "info")).Expect(0).Output;
        Assert.Contains("repo info --probe", unknown, StringComparison.Ordinal);
        Assert.Contains("conditional put heeded", (await NodeAgentProcess.RunAsync(environment, "repo", "info", "--probe")).Expect(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_keys_and_missing_buckets_leave_no_key_file()
    {
        using var files = new TemporaryDirectory();
        var environment = EnvironmentOf(files, await MakeBucketAsync());
        (await NodeAgentProcess.RunAsync(environment, "repo", "init", "--repo", "s3://no-such-bucket-anywhere", "--generate-key", files["key"])).ExpectError(1, "no-such-bucket-anywhere", "does not exist");
        environment.Variables["AWS_SECRET_ACCESS_KEY"] = "wrong";
        (await NodeAgentProcess.RunAsync(environment, "repo", "init", "--generate-key", files["key"])).ExpectError(1, "the secret key does not belong to the access key");
        Assert.False(File.Exists(files["key"]));
    }

    private static async Task<string> MakeBucketAsync()
    {
        var credentials = new BasicAWSCredentials(Get("AWS_ACCESS_KEY_ID"), Get("AWS_SECRET_ACCESS_KEY"));
        using var client = new AmazonS3Client(credentials, new AmazonS3Config { ServiceURL = Get("S3_ENDPOINT"), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        var name = $"test-{Guid.NewGuid():N}";
        await client.PutBucketAsync(name, TestContext.Current.CancellationToken);
        return name;
    }

    private static CommandEnvironment EnvironmentOf(TemporaryDirectory files, string bucket) => new()
    {
        Variables =
        {
            ["NODEAGENT_REPOSITORY"] = $"s3://{bucket}/a/b",
            ["NODEAGENT_KEY_FILE"] = files["key"],
            ["AWS_ENDPOINT_URL_S3"] = Get("S3_ENDPOINT"),
            ["AWS_ACCESS_KEY_ID"] = Get("AWS_ACCESS_KEY_ID"),
            ["AWS_SECRET_ACCESS_KEY"] = Get("AWS_SECRET_ACCESS_KEY"),
            ["XDG_CACHE_HOME"] = files["cache"],
        },
    };
}
