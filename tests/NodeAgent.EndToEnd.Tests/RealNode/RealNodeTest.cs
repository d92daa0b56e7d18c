namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>A class of scenarios, each of which has a row in the table.</summary>
/// <param name="fixture">The node.</param>
public abstract class RealNodeTest(RealNodeFixture fixture) : IAsyncLifetime
{
    private DateTime _began;
    private TimeSpan _shared;

    internal RealNode Node { get; private set; } = null!;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Node = await fixture.GetAsync();
        (_began, _shared) = (DateTime.UtcNow, ScenarioTable.Shared);
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Node is null) return ValueTask.CompletedTask;
        var name = (TestContext.Current.TestMethod?.MethodName ?? "").Replace('_', ' ');
        var result = TestContext.Current.TestState?.Result.ToString().ToLowerInvariant() ?? "unknown";
        ScenarioTable.Add(name, DateTime.UtcNow - _began - (ScenarioTable.Shared - _shared), result);
        return ValueTask.CompletedTask;
    }
}
