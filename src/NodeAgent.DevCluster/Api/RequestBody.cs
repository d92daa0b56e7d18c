using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Objects;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.DevCluster.Api;

/// <summary>Reads the JSON or YAML of a request.</summary>
internal static class RequestBody
{
    // The limit of a real server for one request.
    private const int MaxBytes = 3 * 1024 * 1024;

    // A real server takes 10,000 levels; answers could not be written with more than these.
    private const int MaxDepth = 900;

    public static async Task<JsonNode?> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > MaxBytes)
            throw new ApiException(413, "RequestEntityTooLarge", $"the request is larger than {MaxBytes} bytes");
        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer, context.RequestAborted);
        if (buffer.Length > MaxBytes)
            throw new ApiException(413, "RequestEntityTooLarge", $"the request is larger than {MaxBytes} bytes");
        if (buffer.Length == 0)
            return null;
        var bytes = buffer.ToArray();
        try
        {
            if (ContentType(context).Contains("protobuf", StringComparison.Ordinal))
            {
                return ProtobufObjects.Read(bytes)
                    ?? throw new ApiException(415, "UnsupportedMediaType", "this server reads objects of this kind as JSON only; use kubectl apply, or kubectl create -f");
            }
            if (bytes.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..])
                return JsonNode.Parse(bytes, null, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            return YamlJson.ParseAll(Encoding.UTF8.GetString(bytes)) is [var first, ..] ? first : null;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw ApiException.BadRequest($"couldn't read the request's body: {e.Message}");
        }
    }

    public static string ContentType(HttpContext context) => (context.Request.ContentType ?? "").Split(';')[0].Trim();
}
