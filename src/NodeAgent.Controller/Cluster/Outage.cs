using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// An API server that cannot be reached or does not keep up, as during its own update. It says nothing about the work under way,
/// which agents go on with, so what waits for that work waits for the server too.
/// </summary>
internal static class Outage
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    /// <summary>Whether the same request may succeed later although nothing else changes.</summary>
    public static bool IsCauseOf(Exception e) =>
        e is HttpRequestException or ApiException { IsTransient: true };

    /// <summary>
    /// Does what somebody waits for an answer to. What the server refuses, and will refuse again however often it is asked, is an answer too: who
    /// asked must be told, instead of being left to wonder while it is asked again and again.
    /// </summary>
    public static async Task<T> OrRefusalAsync<T>(Func<Task<T>> work, Func<string, T> refused)
    {
        try
        {
            return await work();
        }
        catch (ApiException e) when (!IsCauseOf(e) && !e.IsConflict)
        {
            return refused(e.Message);
        }
    }

    /// <summary>Makes a request that can be made twice, again and again while an outage lasts, for as long as the patience does.</summary>
    /// <param name="noticed">Told once, why the request waits.</param>
    public static async Task<T> OutlastAsync<T>(Func<Task<T>> request, TimeSpan patience, TimeProvider time, Action<string>? noticed, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                return await request();
            }
            catch (Exception e) when (IsCauseOf(e) && time.GetElapsedTime(started) < patience)
            {
                noticed?.Invoke($"the API server does not answer as it should, which is waited out: {e.Message}");
                noticed = null;
            }

            await Task.Delay(wait, time, cancellation);
        }
    }
}
