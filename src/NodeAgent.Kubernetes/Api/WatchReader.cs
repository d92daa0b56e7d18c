using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Api;

/// <summary>Reads the events of a watch, one JSON object a line.</summary>
internal static class WatchReader
{
    // Objects are at most about 1.5 MiB in etcd; anything near this limit is no event.
    private const int LongestLine = 64 << 20;

    private static readonly StreamPipeReaderOptions Buffers = new(bufferSize: 64 * 1024, leaveOpen: true);

    /// <summary>Ends when the server ends the watch. An error event is thrown, and so is an event that was cut off.</summary>
    public static async IAsyncEnumerable<WatchEvent<T>> ReadAsync<T>(
        ApiRequest request, Stream stream, ObjectReader<T> objects, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class
    {
        var pipe = PipeReader.Create(stream, Buffers);
        try
        {
            while (true)
            {
                var result = await ReadAsync(request, pipe, cancellation);
                var rest = result.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    var line = rest.Slice(0, end);
                    rest = rest.Slice(rest.GetPosition(1, end));
                    if (!IsBlank(line)) yield return Parse(request, line, objects);
                }

                if (result.IsCompleted)
                {
                    if (IsBlank(rest)) yield break;
                    // The last line may lack its end when it is whole nevertheless; one cut off is no JSON and throws.
                    yield return Parse(request, rest, objects);
                    yield break;
                }

                if (rest.Length > LongestLine) throw Invalid(request, $"an event is longer than {LongestLine >> 20} MiB", null);
                pipe.AdvanceTo(rest.Start, rest.End);
            }
        }
        finally
        {
            await pipe.CompleteAsync();
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(ApiRequest request, PipeReader pipe, CancellationToken cancellation)
    {
        try
        {
            return await pipe.ReadAsync(cancellation);
        }
        catch (IOException e)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, $"{request}: the watch broke off: {OneLine.Of(e.Message)}", e);
        }
    }

    private static WatchEvent<T> Parse<T>(ApiRequest request, in ReadOnlySequence<byte> line, ObjectReader<T> objects)
        where T : class
    {
        try
        {
            var reader = new Utf8JsonReader(line, KubernetesJson.Reader);
            string? type = null;
            var value = default(Utf8JsonReader);
            var hasValue = false;
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("an event is no object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type");
                var isValue = reader.ValueTextEquals("object");
                reader.Read();
                if (isType) type = reader.GetString();
                if (isValue)
                {
                    value = reader;
                    hasValue = true;
                }

                reader.Skip();
            }

            if (!hasValue || value.TokenType != JsonTokenType.StartObject) throw new JsonException("an event has no object");
            return type switch
            {
                "ADDED" => Event(WatchEventType.Added, value, objects),
                "MODIFIED" => Event(WatchEventType.Modified, value, objects),
                "DELETED" => Event(WatchEventType.Deleted, value, objects),
                "BOOKMARK" => new WatchEvent<T>(WatchEventType.Bookmark, null, null, ResourceVersion(value)),
                "ERROR" => throw StatusReader.Read(request, HttpStatusCode.InternalServerError, (JsonObject)JsonNode.Parse(ref value)!, null),
                _ => throw new JsonException($"an event is of the unknown type \"{type}\""),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(request, e.Message, e);
        }
    }

    private static WatchEvent<T> Event<T>(WatchEventType type, Utf8JsonReader value, ObjectReader<T> objects)
        where T : class
    {
        var version = ResourceVersion(value);
        var (item, malformed) = objects.Read(ref value);
        return new WatchEvent<T>(type, item, malformed, version);
    }

    /// <summary>metadata.resourceVersion of the object that the reader stands at.</summary>
    private static string ResourceVersion(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata");
            reader.Read();
            if (!isMetadata || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isVersion = reader.ValueTextEquals("resourceVersion");
                reader.Read();
                if (isVersion && reader.TokenType == JsonTokenType.String) return reader.GetString() ?? "";
                reader.Skip();
            }

            return "";
        }

        return "";
    }

    private static bool IsBlank(in ReadOnlySequence<byte> line)
    {
        foreach (var part in line)
        {
            if (part.Span.ContainsAnyExcept(" \t\r\n"u8)) return false;
        }

        return true;
    }

    private static HttpRequestException Invalid(ApiRequest request, string problem, Exception? cause) =>
        new(HttpRequestError.InvalidResponse, $"{request}: the watch sent no valid event: {OneLine.Of(problem)}", cause);
}
