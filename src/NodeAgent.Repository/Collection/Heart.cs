using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>Lets a session say that it lives, now and then, until it is stopped.</summary>
internal static class Heart
{
    public static async Task BeatAsync(Func<Task> beat, TimeSpan interval, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await Task.Delay(interval, time, cancellationToken);
                await beat();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (RepositoryException)
            {
                // The next one may get through. A session is revoked only after hundreds of these.
            }
        }
    }
}
