using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Agent.Runs;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Agent.Volumes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Runs;

public sealed class VolumeRunTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(401)]
    [InlineData(503)]
    public async Task A_volume_whose_turn_comes_while_the_API_server_is_away_waits_for_it(int status)
    {
        var (phase, message, tries) = await RunAsync(status, failures: 2);
        Assert.Equal((PodVolumePhase.Completed, "", 3), (phase, message, tries));
    }

    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    public async Task What_the_API_server_refuses_is_the_end(int status)
    {
        var (phase, message, tries) = await RunAsync(status, failures: 2);
        Assert.Equal((PodVolumePhase.Failed, "it says so", 1), (phase, message, tries));
    }

    /// <summary>Runs work whose first questions fail: with 0 for no answer at all, or with the status of one.</summary>
    private static async Task<(string Phase, string Message, int Tries)> RunAsync(int status, int failures)
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var name = await fixture.AskForBackupAsync(new KubernetesObject(KubernetesResources.Pods, AgentFixture.Shop, "web"));
        var options = new AgentOptions { NodeName = AgentFixture.Node, Namespace = AgentFixture.System };
        using var telemetry = new Telemetry(AgentFixture.Node);
        using var registry = new RunRegistry(1);
        await using var repositories = new RepositoryOpener(fixture.Client, options, NullLogger.Instance);
        var services = new AgentServices(fixture.Client, options, new VolumeFinder(fixture.Client, options), new PodLookup(fixture.Client), repositories, telemetry, NullLogger.Instance);
        var tries = 0;
        await VolumeRun.ExecuteAsync(
            services,
            registry,
            VeleroResources.PodVolumeBackups,
            new NamespacedName(AgentFixture.System, name),
            "uid",
            (_, _) => ++tries > failures ? Task.FromResult(new RunOutcome(PodVolumePhase.Completed, null, []))
                : throw (status == 0 ? new HttpRequestException("away") : new ApiException((HttpStatusCode)status, "", "it says so")),
            Cancellation);
        var item = await fixture.Client.GetAsync(VeleroResources.PodVolumeBackups, AgentFixture.System, name, Cancellation);
        return (item.Phase(), item.Status("message"), tries);
    }
}
