using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Selectors;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Api;

/// <summary>Requests for objects and collections of any resource.</summary>
internal sealed class ResourceRequests(ObjectStore store, ResourceWriter writer, ApiResponses responses, WatchStream watches)
{
    private readonly ListPages _pages = new(store);

    public async Task HandleAsync(HttpContext context, ResourceType type, ApiRequest request)
    {
        if (type.Virtual)
        {
            await ReviewAsync(context, type, request);
            return;
        }
        if (request.Subresource is not ("" or "status" or "scale" or "finalize")
            || (request.Subresource == "status" && !type.HasStatus)
            || (request.Subresource == "scale" && !type.HasScale)
            || (request.Subresource == "finalize" && !type.Is("", "namespaces")))
            throw ApiException.NoSuchPath();
        var key = new ObjectKey(type.Namespaced ? request.Namespace : "", request.Name);
        switch (request.Verb)
        {
            case "watch":
                await watches.ServeAsync(context, type, request.Namespace, Selection(context, type, request.Name));
                break;
            case "list":
                await ListAsync(context, type, request.Namespace);
                break;
            case "get":
                var found = store.Find(type, key)?.Content ?? throw ApiException.NotFound(type, request.Name);
                if (request.Subresource == "scale")
                    await ApiResponses.WriteAsync(context, 200, Scale(type, found));
                else
                    await responses.WriteObjectAsync(context, type, ResourceWriter.Served(type, found));
                break;
            case "create" when request.Name.Length == 0:
                await CreateAsync(context, type, request);
                break;
            case "update":
            case "patch":
                await WriteAsync(context, type, key, request);
                break;
            case "delete":
                await DeleteAsync(context, type, key);
                break;
            case "deletecollection":
                await DeleteCollectionAsync(context, type, request.Namespace);
                break;
            default:
                throw ApiException.MethodNotAllowed();
        }
    }

    private async Task ListAsync(HttpContext context, ResourceType type, string ns)
    {
        var query = context.Request.Query;
        var limit = int.TryParse(query["limit"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : 0;
        if (query["continue"].ToString() is { Length: > 0 } token)
        {
            var (next, nextMeta) = _pages.Next(token, limit);
            await responses.WriteListAsync(context, type, next, nextMeta);
            return;
        }
        var asked = ResourceWriter.ParseRevision(query["resourceVersion"].ToString());
        var selects = Selection(context, type, "");
        List<StoredObject> objects;
        long revision;
        lock (store.Gate)
        {
            objects = store.List(type.StorageKey, ns);
            revision = store.Revision;
        }
        if (asked > revision)
            throw new ApiException(504, "Timeout", $"Too large resource version: {asked}, current: {revision}", new JsonObject { ["retryAfterSeconds"] = 1 });
        var all = objects.Select(o => ResourceWriter.Served(type, o.Content)).Where(selects).ToList();
        var (page, meta) = _pages.First(all, revision, limit, isWhole: query["labelSelector"].Count == 0 && query["fieldSelector"].Count == 0);
        await responses.WriteListAsync(context, type, page, meta);
    }

    private async Task CreateAsync(HttpContext context, ResourceType type, ApiRequest request)
    {
        var obj = await ObjectAsync(context);
        if (type.Namespaced && request.Namespace.Length == 0)
            throw ApiException.MethodNotAllowed();
        var options = Options(context, request);
        var created = writer.Create(type, request.Namespace, obj, options);
        AddWarnings(context, options);
        await responses.WriteObjectAsync(context, type, created, 201);
    }

    private async Task WriteAsync(HttpContext context, ResourceType type, ObjectKey key, ApiRequest request)
    {
        var options = Options(context, request);
        if (request.Subresource == "scale")
        {
            await ScaleAsync(context, type, key, request, options);
            return;
        }
        JsonObject written;
        var existed = store.Find(type, key) is not null;
        if (request.Verb == "update")
        {
            var obj = await ObjectAsync(context);
            written = writer.Update(type, key, obj, request.Subresource == "finalize" ? options with { Subresource = "" } : options);
        }
        else
        {
            var body = await RequestBody.ReadAsync(context) ?? throw ApiException.BadRequest("the patch is empty");
            written = writer.Patch(type, key, RequestBody.ContentType(context), body, options);
        }
        AddWarnings(context, options);
        await responses.WriteObjectAsync(context, type, written, existed ? 200 : 201);
    }

    private async Task ScaleAsync(HttpContext context, ResourceType type, ObjectKey key, ApiRequest request, WriteOptions options)
    {
        var current = store.Find(type, key)?.Content ?? throw ApiException.NotFound(type, key.Name);
        var scale = Scale(type, current);
        var body = await RequestBody.ReadAsync(context);
        var wanted = request.Verb == "update" ? body : Patching.MergePatch.Apply(scale, body);
        if (wanted is not JsonObject obj || obj.Number(-1, "spec", "replicas") < 0)
            throw ApiException.BadRequest("spec.replicas: a number of at least 0 is expected");
        var changed = current.Copy();
        changed.Child("spec")["replicas"] = obj.Number(0, "spec", "replicas");
        if (obj.Text("metadata", "resourceVersion") is { Length: > 0 } revision)
            changed.Meta()["resourceVersion"] = revision;
        await ApiResponses.WriteAsync(context, 200, Scale(type, writer.Update(type, key, changed, options with { Subresource = "" })));
    }

    private async Task DeleteAsync(HttpContext context, ResourceType type, ObjectKey key)
    {
        var (obj, gone) = writer.Delete(type, key, await DeleteOptionsAsync(context));
        if (!gone || type.Is("", "pods"))
        {
            await responses.WriteObjectAsync(context, type, obj);
            return;
        }
        var details = new JsonObject { ["name"] = key.Name, ["kind"] = type.Plural, ["uid"] = obj.Uid() };
        if (type.Group.Length > 0)
            details["group"] = type.Group;
        await ApiResponses.WriteAsync(context, 200, new JsonObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success", ["details"] = details });
    }

    private async Task DeleteCollectionAsync(HttpContext context, ResourceType type, string ns)
    {
        var selects = Selection(context, type, "");
        var options = await DeleteOptionsAsync(context);
        var deleted = new List<JsonObject>();
        foreach (var obj in store.List(type.StorageKey, ns).Where(o => selects(ResourceWriter.Served(type, o.Content))))
        {
            try
            {
                deleted.Add(writer.Delete(type, obj.Key, options with { Uid = obj.Content.Uid() }).Object);
            }
            catch (ApiException e) when (e.Code is 404 or 409)
            {
                // Someone else deleted it, or made another of its name, in between.
            }
        }
        await responses.WriteListAsync(context, type, deleted, ApiResponses.ListMeta(store.Revision));
    }

    private static async Task ReviewAsync(HttpContext context, ResourceType type, ApiRequest request)
    {
        if (request.Verb != "create")
            throw ApiException.MethodNotAllowed();
        // Clients send the question as protobuf; the answer does not depend on it.
        var isJson = RequestBody.ContentType(context).EndsWith("json", StringComparison.Ordinal);
        var review = isJson ? await ObjectAsync(context) : [];
        review["kind"] = type.Kind;
        review["apiVersion"] = type.GroupVersion;
        // There is no authorization: everything is allowed to everyone who reaches the loopback address.
        review["status"] = new JsonObject { ["allowed"] = true };
        await ApiResponses.WriteAsync(context, 201, review);
    }

    private static JsonObject Scale(ResourceType type, JsonObject obj)
    {
        var labels = obj.FindObject("spec", "selector", "matchLabels").TextMap();
        var meta = new JsonObject { ["name"] = obj.Name(), ["namespace"] = obj.Namespace(), ["uid"] = obj.Uid(), ["resourceVersion"] = obj.Text("metadata", "resourceVersion"), ["creationTimestamp"] = obj.Text("metadata", "creationTimestamp") };
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = meta,
            ["spec"] = new JsonObject { ["replicas"] = obj.Number(0, "spec", "replicas") },
            ["status"] = new JsonObject { ["replicas"] = obj.Number(0, "status", "replicas"), ["selector"] = string.Join(',', labels.Select(l => $"{l.Key}={l.Value}")) },
        };
    }

    private static Func<JsonObject, bool> Selection(HttpContext context, ResourceType type, string name)
    {
        var labels = LabelSelector.Parse(context.Request.Query["labelSelector"].ToString());
        var fields = FieldSelector.Parse(context.Request.Query["fieldSelector"].ToString(), type);
        return obj => (name.Length == 0 || obj.Name() == name) && (fields.IsEmpty || fields.Matches(obj)) && (labels.IsEmpty || labels.Matches(obj.Labels()));
    }

    private static async Task<JsonObject> ObjectAsync(HttpContext context) =>
        await RequestBody.ReadAsync(context) as JsonObject ?? throw ApiException.BadRequest("the request's body is not an object");

    private static async Task<DeleteRequest> DeleteOptionsAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var options = DeleteRequest.From(await RequestBody.ReadAsync(context) as JsonObject);
        if (query["propagationPolicy"].ToString() is { Length: > 0 } policy)
            options = options with { Propagation = policy };
        if (long.TryParse(query["gracePeriodSeconds"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var grace))
            options = options with { GracePeriodSeconds = grace };
        return query["dryRun"].ToString() == "All" ? options with { DryRun = true } : options;
    }

    private static WriteOptions Options(HttpContext context, ApiRequest request)
    {
        var query = context.Request.Query;
        if (query["dryRun"].ToString() is not ("" or "All"))
            throw ApiException.BadRequest($"dryRun: \"{query["dryRun"]}\" is not supported; the one value is \"All\"");
        var manager = query["fieldManager"].ToString();
        if (manager.Length == 0 && RequestBody.ContentType(context) != "application/apply-patch+yaml")
        {
            // As a real server does: the program's name, up to its version.
            var agent = context.Request.Headers.UserAgent.ToString();
            manager = agent.Split('/', ' ')[0] is { Length: > 0 } program ? program : "unknown";
        }
        var validation = query["fieldValidation"].ToString();
        return new WriteOptions
        {
            FieldManager = manager,
            DryRun = query["dryRun"].ToString() == "All",
            Force = query["force"].ToString() == "true",
            StrictFields = validation == "Strict",
            WarnOfFields = validation is "" or "Warn",
            Subresource = request.Subresource,
        };
    }

    private static void AddWarnings(HttpContext context, WriteOptions options)
    {
        foreach (var warning in options.Warnings.Take(20))
            context.Response.Headers.Append("Warning", $"299 - \"{warning.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"");
    }
}
