using System.Globalization;
using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Requests;

/// <summary>
/// Serves the files of DownloadRequests, as they are stored. Every replica does, also one that is not the leader: all there is to know about who may read
/// what stands in the request.
/// </summary>
internal sealed class DownloadServer(ClusterClient cluster, StorageLocations locations, ControllerOptions options, TimeProvider time)
{
    private readonly DownloadTargets _targets = new(cluster, locations, options);

    public async Task AnswerAsync(HttpContext context)
    {
        var cancellation = context.RequestAborted;
        context.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "only GET is answered here");
            return;
        }

        if (DownloadAddress.RequestOf(context.Request.Path.Value ?? "") is not { } name)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "not found");
            return;
        }

        try
        {
            await ServeAsync(context, name, cancellation);
        }
        catch (Exception e) when ((e is ApiException or HttpRequestException or InvalidDataException || BucketFailure.IsCauseOf(e)) && !context.Response.HasStarted)
        {
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, e.Message.ReplaceLineEndings(" "));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The reader is gone.
        }
    }

    private async Task ServeAsync(HttpContext context, string name, CancellationToken cancellation)
    {
        var request = ObjectName.IsValid(name) ? await cluster.GetAsync(VeleroResources.DownloadRequests, options.Namespace, name, cancellation) : null;
        // Whoever has no right to know is not told what is wrong.
        if (request is null || request.Text("status", "phase") != DownloadRequestPhase.Processed || !DownloadAddress.Matches(request.Text("status", "downloadURL") ?? "", context.Request.Query["token"].ToString())
            || !DateTimeOffset.TryParse(request.Text("status", "expiration"), CultureInfo.InvariantCulture, out var expires) || expires <= time.GetUtcNow())
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "this address is not valid, or not any more: make a new DownloadRequest");
            return;
        }

        var (target, problem) = await _targets.FindAsync(request.Text("spec", "target", "kind") ?? "", request.Text("spec", "target", "name") ?? "", cancellation);
        if (target is null)
        {
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, problem ?? "");
            return;
        }

        await using var bucket = target.Bucket;
        await using var file = await bucket.OpenStoredAsync(target.Key, cancellation);
        if (file is null)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "there is no such file");
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = file.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await file.CopyToAsync(context.Response.Body, cancellation);
    }

    private static async Task RefuseAsync(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.WriteAsync(reason + "\n", context.RequestAborted);
    }
}
