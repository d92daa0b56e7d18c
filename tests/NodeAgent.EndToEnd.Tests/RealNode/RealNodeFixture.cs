using System.Runtime.ExceptionServices;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>The node with NodeAgent on it, for all tests of the collection. It is made when the first of them asks, so that a test can be skipped.</summary>
public sealed class RealNodeFixture : IAsyncLifetime
{
    private readonly SemaphoreSlim _turn = new(1);
    private RealNode? _node;
    private ExceptionDispatchInfo? _failure;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Skips the test when there is no node; fails it when NodeAgent could not be installed.</summary>
    internal async Task<RealNode> GetAsync()
    {
        await _turn.WaitAsync();
        try
        {
            _failure?.Throw();
            return _node ??= await RealNode.StartAsync();
        }
        catch (Exception e)
        {
            _failure ??= ExceptionDispatchInfo.Capture(e);
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_node is not null) await _node.DisposeAsync();
        _turn.Dispose();
    }
}
