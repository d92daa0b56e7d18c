using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Faults;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Api;

/// <summary>Answers one watch request until its time is up, the client goes or a fault switch drops it.</summary>
internal sealed class WatchStream(ObjectStore store, ApiResponses responses, ApiFaults faults, TimeProvider time)
{
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromSeconds(5);

    public async Task ServeAsync(HttpContext context, ResourceType type, string ns, Func<JsonObject, bool> selects)
    {
        var query = context.Request.Query;
        var from = ResourceWriter.ParseRevision(query["resourceVersion"].ToString());
        var initial = query["sendInitialEvents"].ToString() == "true";
        if (initial && query["resourceVersionMatch"].ToString() != "NotOlderThan")
            throw new ApiException(422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan", []);
        var bookmarks = query["allowWatchBookmarks"].ToString() is "true" or "1";
        var seconds = int.TryParse(query["timeoutSeconds"].ToString(), out var given) && given > 0 ? given : 1800;
        var form = MediaTypes.FormOf(context.Request);
        var include = ApiResponses.IncludeObject(context);

        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, timeout.Token);
        var dropped = faults.WatchesDropped;
        await using var drop = dropped.Register(context.Abort);
        context.Response.ContentType = MediaTypes.Json;

        List<StoredObject> objects = [];
        long revision = 0;
        StoreWatch? watch;
        if (from is null or 0 || initial)
            (objects, revision, watch) = store.ListAndWatch(type.StorageKey, ns);
        else
            watch = store.WatchFrom(type.StorageKey, from.Value);
        if (watch is null)
        {
            // A watch that starts too far back is accepted and ends with one error event; clients list again.
            var expired = ApiException.Expired($"too old resource version: {from} ({store.OldestRevision})");
            await SendAsync(context, "ERROR", expired.Status());
            return;
        }
        using var _ = watch;
        try
        {
            await context.Response.Body.FlushAsync(end.Token);
            foreach (var obj in objects)
            {
                var content = ResourceWriter.Served(type, obj.Content);
                if (selects(content))
                    await SendAsync(context, "ADDED", responses.Shape(type, content, form, include));
            }
            if (initial && bookmarks)
            {
                var mark = Bookmark(type, revision);
                mark.Meta()["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
                await SendAsync(context, "BOOKMARK", responses.Shape(type, mark, form, include));
            }
            using var ticks = new PeriodicTimer(BookmarkInterval, time);
            var tick = bookmarks ? ticks.WaitForNextTickAsync(end.Token).AsTask() : null;
            var ready = watch.Events.WaitToReadAsync(end.Token).AsTask();
            while (true)
            {
                if (tick is not null && await Task.WhenAny(ready, tick) == tick)
                {
                    await tick;
                    store.OfferBookmark(watch);
                    tick = ticks.WaitForNextTickAsync(end.Token).AsTask();
                }
                if (!await ready)
                    return;
                while (watch.Events.TryRead(out var change))
                    await ForwardAsync(context, type, ns, selects, change, form, include);
                await context.Response.Body.FlushAsync(end.Token);
                ready = watch.Events.WaitToReadAsync(end.Token).AsTask();
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The time is up or the client is gone: the stream just ends.
        }
    }

    private async Task ForwardAsync(HttpContext context, ResourceType type, string ns, Func<JsonObject, bool> selects, StoreEvent change, ResponseForm form, string include)
    {
        if (change.Kind == StoreEventKind.Bookmark)
        {
            await SendAsync(context, "BOOKMARK", responses.Shape(type, Bookmark(type, change.Revision), form, include));
            return;
        }
        if (change.Object is not { } stored || (ns.Length > 0 && stored.Key.Namespace != ns))
            return;
        var content = ResourceWriter.Served(type, stored.Content);
        var seen = change.Previous is { } previous && selects(ResourceWriter.Served(type, previous.Content));
        var sees = change.Kind != StoreEventKind.Deleted && selects(content);
        var kind = (seen, sees) switch
        {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            _ => "",
        };
        if (kind.Length > 0)
            await SendAsync(context, kind, responses.Shape(type, content, form, include));
    }

    private static JsonObject Bookmark(ResourceType type, long revision)
    {
        var meta = ApiResponses.ListMeta(revision);
        meta["creationTimestamp"] = null;
        return new JsonObject { ["kind"] = type.Kind, ["apiVersion"] = type.GroupVersion, ["metadata"] = meta };
    }

    private static async Task SendAsync(HttpContext context, string kind, JsonNode obj)
    {
        var body = context.Response.Body;
        var prefix = System.Text.Encoding.ASCII.GetBytes($"{{\"type\":\"{kind}\",\"object\":");
        byte[] line = [.. prefix, .. ApiResponses.Bytes(obj), (byte)'}', (byte)'\n'];
        await body.WriteAsync(line, context.RequestAborted);
        await body.FlushAsync(context.RequestAborted);
    }
}
