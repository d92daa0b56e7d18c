namespace NodeAgent.Repository.Index;

/// <summary>Lets go once, however often it is disposed.</summary>
internal sealed class OrdinalHold(Action release) : IDisposable
{
    private Action? _release = release;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
