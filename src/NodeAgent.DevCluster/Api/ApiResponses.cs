using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Tables;

namespace NodeAgent.DevCluster.Api;

/// <summary>Writes objects and lists in the form the client asked for.</summary>
internal sealed class ApiResponses(TableBuilder tables)
{
    public static async Task WriteAsync(HttpContext context, int status, JsonNode body, string contentType = MediaTypes.Json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        await context.Response.Body.WriteAsync(Bytes(body), context.RequestAborted);
    }

    public Task WriteObjectAsync(HttpContext context, ResourceType type, JsonObject obj, int status = 200) =>
        WriteAsync(context, status, Shape(type, obj, MediaTypes.FormOf(context.Request), IncludeObject(context)));

    public Task WriteListAsync(HttpContext context, ResourceType type, IReadOnlyList<JsonObject> items, JsonObject meta)
    {
        var form = MediaTypes.FormOf(context.Request);
        if (form == ResponseForm.Table)
            return WriteAsync(context, 200, tables.Build(type, items, meta, IncludeObject(context)));
        var partial = form == ResponseForm.Metadata;
        // Written by hand: the items belong to the store and may have no second parent.
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("kind", partial ? "PartialObjectMetadataList" : type.ListKind);
            writer.WriteString("apiVersion", partial ? "meta.k8s.io/v1" : type.GroupVersion);
            writer.WritePropertyName("metadata");
            meta.WriteTo(writer);
            writer.WriteStartArray("items");
            foreach (var item in items)
            {
                if (partial)
                    Partial(item).WriteTo(writer);
                else if (type.IsCustom)
                    item.WriteTo(writer);
                else
                    WriteWithoutKind(writer, item);
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        context.Response.ContentType = MediaTypes.Json;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted).AsTask();
    }

    public JsonNode Shape(ResourceType type, JsonObject obj, ResponseForm form, string includeObject) => form switch
    {
        ResponseForm.Table => tables.Build(type, [obj], new JsonObject { ["resourceVersion"] = obj.Text("metadata", "resourceVersion") }, includeObject),
        ResponseForm.Metadata => Partial(obj),
        _ => obj,
    };

    public static JsonObject Partial(JsonObject obj) => new()
    {
        ["kind"] = "PartialObjectMetadata",
        ["apiVersion"] = "meta.k8s.io/v1",
        ["metadata"] = obj.Meta().DeepClone(),
    };

    public static JsonObject ListMeta(long revision) => new() { ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture) };

    public static string IncludeObject(HttpContext context) => context.Request.Query["includeObject"].ToString();

    public static byte[] Bytes(JsonNode node)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer))
            node.WriteTo(writer);
        return buffer.WrittenSpan.ToArray();
    }

    // Items of built-in lists carry no kind and apiVersion on a real server, and clients must not rely on them.
    private static void WriteWithoutKind(Utf8JsonWriter writer, JsonObject item)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in item)
        {
            if (name is "kind" or "apiVersion")
                continue;
            writer.WritePropertyName(name);
            if (value is null)
                writer.WriteNullValue();
            else
                value.WriteTo(writer);
        }
        writer.WriteEndObject();
    }
}
