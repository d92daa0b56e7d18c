using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Makes errors of the Status objects that the server answers with, and of whatever proxies put in their place.</summary>
internal static class StatusReader
{
    public static ApiException Read(ApiRequest request, HttpStatusCode code, ReadOnlySpan<byte> body, TimeSpan? retryAfter)
    {
        JsonObject? status = null;
        try
        {
            status = KubernetesJson.Parse(body) as JsonObject;
        }
        catch (JsonException)
        {
            // A proxy's page is no Status object; its code and first words say enough.
        }

        if (status is not null) return Read(request, code, status, retryAfter);
        var text = OneLine.Of(Encoding.UTF8.GetString(body[..Math.Min(body.Length, 200)]));
        return new ApiException(code, "", $"{request}: {(int)code} {code}{(text.Length == 0 ? "" : $": {text}")}") { ServerMessage = text, RetryAfter = retryAfter };
    }

    /// <param name="code">Used where the status object itself has no code, as within a watch.</param>
    public static ApiException Read(ApiRequest request, HttpStatusCode code, JsonObject status, TimeSpan? retryAfter)
    {
        if (Number(status["code"]) is { } own) code = (HttpStatusCode)own;
        var reason = Text(status["reason"]) ?? "";
        var message = OneLine.Of(Text(status["message"]) ?? "");
        var details = status["details"] as JsonObject;
        var retry = retryAfter ?? (Number(details?["retryAfterSeconds"]) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null);
        var word = reason.Length == 0 ? code.ToString() : reason;
        return new ApiException(code, reason, $"{request}: {((int)code).ToString(CultureInfo.InvariantCulture)} {word}{(message.Length == 0 ? "" : $": {message}")}")
        {
            ServerMessage = message,
            Kind = Text(details?["kind"]),
            Name = Text(details?["name"]),
            RetryAfter = retry,
            FieldErrors = FieldErrors(details),
            ContinueToken = Text((status["metadata"] as JsonObject)?["continue"]) is { Length: > 0 } token ? token : null,
        };
    }

    private static IReadOnlyList<ApiFieldError> FieldErrors(JsonObject? details)
    {
        if (details?["causes"] is not JsonArray causes) return [];
        return [.. causes.OfType<JsonObject>().Select(c =>
            new ApiFieldError(Text(c["field"]) ?? "", Text(c["reason"]) ?? "", OneLine.Of(Text(c["message"]) ?? "")))];
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static int? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;
}
