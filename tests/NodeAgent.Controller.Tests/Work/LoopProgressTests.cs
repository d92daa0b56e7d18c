using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Hosting.Health;

namespace NodeAgent.Controller.Tests.Work;

public sealed class LoopProgressTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_loop_that_falls_silent_is_named_and_one_that_waits_to_be_elected_is_well()
    {
        var progress = new LoopProgress(_time, TimeSpan.FromMinutes(1));
        Assert.Null(progress.Silent());
        Assert.Null(progress.Unread());
        var (backups, restores) = (progress.Begin("backups"), progress.Begin("restores"));
        Assert.Equal("not read yet: backups, restores", progress.Unread());
        backups();
        Assert.Equal("not read yet: restores", progress.Unread());
        restores();
        Assert.Null(progress.Unread());
        _time.Advance(TimeSpan.FromMinutes(9));
        backups();
        Assert.Null(progress.Silent());
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("no progress for 660 s with restores", progress.Silent());
        progress.End();
        restores();
        Assert.Null(progress.Silent());
        Assert.Null(progress.Unread());
    }

    [Fact]
    public void Two_loops_of_one_kind_are_two()
    {
        var progress = new LoopProgress(_time, TimeSpan.FromMinutes(1));
        var first = progress.Begin("locations");
        progress.Begin("locations");
        first();
        Assert.Equal("not read yet: locations (another)", progress.Unread());
    }

    [Fact]
    public async Task A_controller_that_has_read_its_objects_is_ready_and_alive()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        var health = new HealthChecks(TimeProvider.System);
        using var stop = new CancellationTokenSource();
        var host = new ControllerHost(cluster.Options, cluster.Api.Config, NullLoggerFactory.Instance, TimeProvider.System, health);
        Assert.True((await health.CheckReadinessAsync(stop.Token)).IsHealthy);
        var running = host.RunAsync(stop.Token);
        for (var tries = 0; ; tries++)
        {
            var report = await health.CheckReadinessAsync(stop.Token);
            if (report.IsHealthy && tries > 0) break;
            Assert.True(tries < 1000, report.ToText("readyz"));
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal("[+]loops ok\nlivez check passed\n", (await health.CheckLivenessAsync(stop.Token)).ToText("livez"));
        Assert.False(running.IsCompleted);
        await stop.CancelAsync();
        await running;
    }
}
