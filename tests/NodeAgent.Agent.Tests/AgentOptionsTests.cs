namespace NodeAgent.Agent.Tests;

public sealed class AgentOptionsTests
{
    [Fact]
    public void Settings_that_fit_are_accepted() => Assert.Empty(new AgentOptions { NodeName = "n1", HostPods = Path.GetTempPath() }.Validate());

    [Theory]
    [InlineData("", "/", 1, "node-name")]
    [InlineData("n1", "pods", 1, "is not an absolute path")]
    [InlineData("n1", "/not/there", 1, "/not/there does not exist")]
    [InlineData("n1", "/", 0, "concurrency")]
    public void What_does_not_fit_is_named(string node, string pods, int concurrency, string named) =>
        Assert.Contains(named, Assert.Single(new AgentOptions { NodeName = node, HostPods = pods, Concurrency = concurrency }.Validate()), StringComparison.Ordinal);
}
