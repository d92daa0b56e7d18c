namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A point of a directed schedule at which an actor is held until it is let go on.</summary>
internal sealed class Gate(string actor, string at, int skip)
{
    private readonly TaskCompletionSource _reached = new();
    private readonly TaskCompletionSource _opened = new();
    private int _left = skip;

    /// <summary>Done when the actor is there.</summary>
    public Task Reached => _reached.Task;

    /// <summary>Whether the request fails there, with an error that the actor sees.</summary>
    public bool Fails { get; init; }

    /// <summary>The request takes effect so much later, and the actor gets no answer.</summary>
    public TimeSpan? Lost { get; init; }

    public void Open() => _opened.TrySetResult();

    /// <summary>Whether an actor stops here now. A gate is met once.</summary>
    public bool IsMet(string who, string request, string key) => who == actor && Hold.IsAt(at, request, key) && _left-- == 0;

    public Task PassAsync()
    {
        _reached.TrySetResult();
        return _opened.Task;
    }
}
