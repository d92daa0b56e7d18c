using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Cluster;

/// <summary>`debug` and `bug`: what goes to whoever looks for a fault, and what must not.</summary>
public sealed class SupportTests
{
    private const string AccessKey = "AKIAQQQQWWWWEEEERRRR";
    private const string SecretKey = "w7Jalr/K7MDENG+bPxRfiCYZZZZZZZZZZZZZZKEY";
    private const string RepositoryKey = "rk-4f1c9be2d07a4c55";
    private const string Plain = "hunter2-in-the-environment";
    private const string Signature = "5d672d79c15b13162d9279b0855cfba6789a8edb";
    private const string Bearer = "eyJhbGciOiJSUzI1NiJ9.e30.abcdefgh";

    [Fact]
    public async Task A_bundle_holds_logs_objects_versions_and_what_is_asked_for_and_no_secret()
    {
        await using var server = Serve();
        server.ServedFile = Compress($"time=\"2026-11-20T10:00:00Z\" level=info msg=\"opened s3://b?X-Amz-Signature={Signature} with {SecretKey}\"\n");
        server.OnCreated = (plural, created) => created["status"] = plural == "serverstatusrequests"
            ? new JsonObject { ["phase"] = "Processed", ["serverVersion"] = "v9.8.7" }
            : new JsonObject { ["phase"] = "Processed", ["downloadURL"] = $"{server.FileAddress}?X-Amz-Signature={Signature}" };
        server.Put("backups", """{"metadata":{"name":"nightly","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"PASS"}},"spec":{"storageLocation":"default"},"status":{"phase":"Failed","failureReason":"the bucket said no"}}""".Replace("PASS", Plain, StringComparison.Ordinal));
        server.Put("restores", """{"metadata":{"name":"again"},"spec":{"backupName":"nightly"},"status":{"phase":"Failed"}}""");
        server.Put("downloadrequests", $$"""{"metadata":{"name":"old"},"spec":{},"status":{"downloadURL":"https://store/x?sig={{Signature}}"} }""");
        server.Put("backupstoragelocations", """{"metadata":{"name":"default"},"spec":{"provider":"aws","credential":{"name":"cloud","key":"cloud"}},"status":{"phase":"Available"}}""");
        var file = Path.Combine(server.Directory.Path, "out.tar.gz");
        var result = (await RunAsync(server, "debug", "--backup", "nightly", "--restore", "again", "--output", file)).Expect(0);
        Assert.Contains($"{file} written", result.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        var files = Read(file);
        Assert.Contains("Version: v9.8.7", files["bundle/version.txt"], StringComparison.Ordinal);
        Assert.Contains("v1.34.1", files["bundle/version.txt"], StringComparison.Ordinal);
        Assert.Contains("the controller works", files["bundle/logs/nodeagent-1/nodeagent.log"], StringComparison.Ordinal);
        Assert.Contains("it fell over", files["bundle/logs/nodeagent-1/nodeagent.previous.log"], StringComparison.Ordinal);
        Assert.Contains("the agent works", files["bundle/logs/node-agent-x/agent.log"], StringComparison.Ordinal);
        // Somebody else's pod in the same namespace is none of our business.
        Assert.DoesNotContain(files.Keys, name => name.Contains("stranger", StringComparison.Ordinal));
        Assert.Contains("the bucket said no", files["bundle/objects/backups.json"], StringComparison.Ordinal);
        Assert.Contains("nodeagent", files["bundle/objects/deployments.json"], StringComparison.Ordinal);
        Assert.Contains("LOG_LEVEL", files["bundle/objects/deployments.json"], StringComparison.Ordinal);
        Assert.Contains("debug-me", files["bundle/objects/deployments.json"], StringComparison.Ordinal);
        Assert.Contains("node-agent", files["bundle/objects/daemonsets.json"], StringComparison.Ordinal);
        Assert.Contains("nightly", files["bundle/backup_describe_nightly.txt"], StringComparison.Ordinal);
        Assert.Contains("opened s3://b?", files["bundle/backup_nightly.log"], StringComparison.Ordinal);
        Assert.Contains("again", files["bundle/restore_describe_again.txt"], StringComparison.Ordinal);
        Assert.Contains("bundle/restore_again.log", files.Keys);
        foreach (var plural in server.Plurals) Assert.Contains($"bundle/objects/{plural}.json", files.Keys);

        foreach (var secret in (string[])[AccessKey, SecretKey, RepositoryKey, Plain, Signature, Bearer, Encode(RepositoryKey), Encode(Credentials)])
        {
            Assert.All(files, f => Assert.False(f.Value.Contains(secret, StringComparison.Ordinal), $"{f.Key} holds {secret}"));
        }

        Assert.DoesNotContain(files.Keys, name => name.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_cannot_be_collected_is_told_and_the_rest_is_in_the_bundle()
    {
        await using var server = Serve();
        server.Answers.Remove("/api/v1/namespaces/velero/secrets");
        server.Answers.Remove("/apis/apps/v1/namespaces/velero/daemonsets");
        server.Put("backups", """{"metadata":{"name":"nightly"},"spec":{},"status":{"phase":"Failed"}}""");
        var file = Path.Combine(server.Directory.Path, "out.tar.gz");
        var result = (await RunAsync(server, "debug", "--output", file)).Expect(0);
        var files = Read(file);
        Assert.Contains("daemonsets: ", files["bundle/problems.txt"], StringComparison.Ordinal);
        Assert.Contains("secrets: ", files["bundle/problems.txt"], StringComparison.Ordinal);
        Assert.Contains("its values cannot be looked for", files["bundle/problems.txt"], StringComparison.Ordinal);
        Assert.Contains("problems.txt", result.Output, StringComparison.Ordinal);
        // Without the Secrets, what is named a secret or signed is still left out.
        Assert.All(files, f => Assert.False(f.Value.Contains(Plain, StringComparison.Ordinal) || f.Value.Contains(Bearer, StringComparison.Ordinal) || f.Value.Contains(Signature, StringComparison.Ordinal), f.Key));
        Assert.Contains("nightly", files["bundle/objects/backups.json"], StringComparison.Ordinal);
        Assert.Contains("the controller works", files["bundle/logs/nodeagent-1/nodeagent.log"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bundle_is_not_begun_for_a_backup_that_is_not_there_and_overwrites_nothing()
    {
        await using var server = Serve();
        var file = server.Directory.Write("there.tar.gz", "mine");
        (await RunAsync(server, "debug", "--backup", "gone", "--output", Path.Combine(server.Directory.Path, "new.tar.gz"))).ExpectError(13, "backup gone: not found");
        Assert.False(File.Exists(Path.Combine(server.Directory.Path, "new.tar.gz")));
        (await RunAsync(server, "debug", "--output", file)).ExpectError(1, "it is there already");
        Assert.Equal("mine", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_text_of_a_report_has_the_versions_also_when_the_cluster_is_away()
    {
        await using var server = Serve();
        var report = (await RunAsync(server, "bug")).Expect(0).Output;
        Assert.Contains("- Kubernetes: v1.34.1", report, StringComparison.Ordinal);
        Assert.Contains("- nodeagent: v", report, StringComparison.Ordinal);
        Assert.Contains("nodeagent debug --backup", report, StringComparison.Ordinal);
        var away = await NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["KUBECONFIG"] = Path.Combine(server.Directory.Path, "nowhere") } }, "bug");
        Assert.Equal(0, away.ExitCode);
        Assert.Contains("- nodeagent: v", away.Output, StringComparison.Ordinal);
        Assert.Contains("the version of Kubernetes is not known", away.Error, StringComparison.Ordinal);
    }

    private static string Credentials => $"[default]\naws_access_key_id={AccessKey}\naws_secret_access_key={SecretKey}\n";

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static byte[] Compress(string text)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return compressed.ToArray();
    }

    private static ApiServerStandIn Serve()
    {
        var server = new ApiServerStandIn();
        server.Answers["/version"] = """{"gitVersion":"v1.34.1","major":"1","minor":"34"}""";
        server.Answers["/api/v1/namespaces/velero/secrets"] = List($$"""
            {"metadata":{"name":"cloud","namespace":"velero"},"data":{"cloud":"{{Encode(Credentials)}}"} }
            """, $$"""{"metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-key":"{{Encode(RepositoryKey)}}"} }""");
        server.Answers["/apis/apps/v1/namespaces/velero/deployments"] = List("""
            {"metadata":{"name":"nodeagent","namespace":"velero"},"spec":{"template":{"spec":{"containers":[{"name":"nodeagent","args":["controller","--password=PLAIN"],
             "env":[{"name":"DB_PASSWORD","value":"PLAIN"},{"name":"LOG_LEVEL","value":"debug-me"}]}]}}}}
            """.Replace("PLAIN", Plain, StringComparison.Ordinal));
        server.Answers["/apis/apps/v1/namespaces/velero/daemonsets"] = List("""{"metadata":{"name":"node-agent","namespace":"velero"},"spec":{}}""");
        server.Answers["/api/v1/namespaces/velero/events"] = List();
        server.Answers["/api/v1/namespaces/velero/pods"] = List(
            """{"metadata":{"name":"nodeagent-1","namespace":"velero","labels":{"component":"velero"}},"spec":{"containers":[{"name":"nodeagent"}]},"status":{"containerStatuses":[{"name":"nodeagent","restartCount":2}]}}""",
            """{"metadata":{"name":"node-agent-x","namespace":"velero","labels":{"name":"node-agent"}},"spec":{"containers":[{"name":"agent"}]}}""",
            """{"metadata":{"name":"stranger","namespace":"velero"},"spec":{"containers":[{"name":"c"}]}}""");
        server.Answers["/api/v1/namespaces/velero/pods/nodeagent-1/log?container=nodeagent&tailLines=200000"] = $"the controller works\nGET https://store/b?X-Amz-Credential={AccessKey}%2Fx&X-Amz-Signature={Signature}\nAuthorization: Bearer {Bearer}\nkey {RepositoryKey}\n";
        server.Answers["/api/v1/namespaces/velero/pods/nodeagent-1/log?container=nodeagent&previous=true&tailLines=200000"] = "it fell over\n";
        server.Answers["/api/v1/namespaces/velero/pods/node-agent-x/log?container=agent&tailLines=200000"] = "the agent works\n";
        return server;
    }

    private static string List(params string[] items) => $$"""{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{{string.Join(',', items)}}]}""";

    private static Dictionary<string, string> Read(string path)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        using var tar = new TarReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
        {
            using var text = new StreamReader(entry.DataStream ?? Stream.Null);
            files.Add(entry.Name, text.ReadToEnd());
        }

        return files;
    }

    private static Task<CommandResult> RunAsync(ApiServerStandIn server, params string[] arguments) =>
        NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["KUBECONFIG"] = server.Kubeconfig } }, arguments);
}
