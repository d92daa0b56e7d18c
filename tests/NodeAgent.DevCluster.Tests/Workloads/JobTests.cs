namespace NodeAgent.DevCluster.Tests.Workloads;

public sealed class JobTests
{
    [Fact]
    public async Task A_job_runs_as_many_pods_at_once_as_it_says_and_none_when_it_says_none()
    {
        await using var cluster = await TestCluster.StartAsync();
        const string Path = "apis/batch/v1/namespaces/default/jobs";
        await cluster.CreateAsync(Path, Job("none", """ "parallelism":0 """));
        await cluster.CreateAsync(Path, Job("three", """ "completions":3,"parallelism":2 """));
        await cluster.WaitAsync($"{Path}/three", (_, job) => (int?)job["status"]?["succeeded"] == 3 && job["status"]!["completionTime"] is not null);
        var none = await cluster.GetAsync($"{Path}/none");
        Assert.Null(none["status"]!["completionTime"]);
        var pods = (await cluster.GetAsync("api/v1/namespaces/default/pods"))["items"]!.AsArray();
        Assert.Equal(3, pods.Count);
        Assert.All(pods, p => Assert.StartsWith("three-", (string)p!["metadata"]!["name"]!, StringComparison.Ordinal));
    }

    private static string Job(string name, string spec) => """
        {"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"NAME"},"spec":{SPEC,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}
        """.Replace("NAME", name, StringComparison.Ordinal).Replace("SPEC", spec, StringComparison.Ordinal);
}
