using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Runs;

/// <summary>What one run writes into the status of its object, and how it holds out against an API server that is away.</summary>
internal sealed class RunStatus(ApiClient client, ResourceKind kind, NamespacedName key, AgentOptions options, ILogger log) : IProgress<RunProgress>
{
    private static readonly TimeSpan MinBackoff = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private RunProgress? _latest;

    public string Now => ApiTimeConverter.Format(client.Time.GetUtcNow());

    /// <summary>Called often, from any thread; only the newest counts.</summary>
    public void Report(RunProgress value)
    {
        lock (_gate) _latest = value;
    }

    /// <summary>Writes the progress from time to time, if it moved, until cancelled. A failed write is passed over: the next one says more.</summary>
    public async Task WriteProgressAsync(CancellationToken cancellation)
    {
        RunProgress? written = null;
        try
        {
            while (true)
            {
                await Task.Delay(options.ProgressInterval, client.Time, cancellation);
                RunProgress? latest;
                lock (_gate) latest = _latest;
                if (latest is not { } progress || latest == written) continue;
                try
                {
                    await PatchAsync(new JsonObject { ["progress"] = ToJson(progress.BytesTotal, progress.BytesDone) }, cancellation);
                    written = latest;
                }
                catch (Exception e) when (e is ApiException or HttpRequestException or ClusterConfigException)
                {
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }

    /// <summary>Writes the end of a run, again and again until it is written, the object is gone or the token is cancelled.</summary>
    public async Task WriteEndAsync(string phase, string? message, JsonObject more, CancellationToken cancellation)
    {
        more["phase"] = phase;
        more["message"] = message ?? "";
        more["completionTimestamp"] = Now;
        var backoff = MinBackoff;
        while (true)
        {
            try
            {
                await PatchAsync(more, cancellation);
                log.Ended(kind.Kind, key.Name, phase, message ?? "");
                return;
            }
            catch (ApiException e) when (e.IsNotFound)
            {
                // Deleted meanwhile: nobody asks for the result any more.
                return;
            }
            catch (ApiException e) when (e.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
            {
                // The server will never take it: what is said again and again would hold the slot for ever.
                log.StatusRefused(kind.Kind, key.Name, phase, e.Message);
                return;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                // As below.
                return;
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or ClusterConfigException)
            {
                log.StatusNotWritten(kind.Kind, key.Name, backoff.TotalSeconds, e.Message);
            }

            try
            {
                await Task.Delay(backoff, client.Time, cancellation);
            }
            catch (OperationCanceledException)
            {
                // The process ends. The next start finds the run in progress with nobody who has it in hand, and takes it up.
                return;
            }

            backoff = backoff * 2 < MaxBackoff ? backoff * 2 : MaxBackoff;
        }
    }

    /// <summary>Merges into the status.</summary>
    public Task PatchAsync(JsonObject status, CancellationToken cancellation) => client.PatchStatusAsync(kind, key.Namespace, key.Name, status, null, cancellation);

    public static JsonObject ToJson(long total, long done) => new() { ["totalBytes"] = total, ["bytesDone"] = done };

    public override string ToString() => $"{kind.Kind} {key}";
}
