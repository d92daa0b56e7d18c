using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes;

/// <summary>
/// How JSON of a cluster is read. API servers take objects of 10,000 levels, and whoever may create an object with free fields may nest it as he likes, so the limit is
/// neither .NET's usual 64 nor none at all: what walks through an object does so by calling itself, level by level.
/// </summary>
public static class KubernetesJson
{
    /// <summary>Levels of an object that is read.</summary>
    public const int MaxDepth = 512;

    /// <summary>Levels that the text around objects adds: a list and its items, an event of a watch.</summary>
    private const int Envelope = 4;

    internal static readonly JsonReaderOptions Reader = new() { MaxDepth = MaxDepth + Envelope };

    /// <summary>For finding where a value ends that is too deep to be read.</summary>
    internal static readonly JsonReaderOptions Scanner = new() { MaxDepth = 100_000 };

    private static readonly JsonDocumentOptions Document = new() { MaxDepth = MaxDepth + Envelope };

    /// <exception cref="JsonException">The text is no JSON, or nested deeper than <see cref="MaxDepth"/>.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> text) => JsonNode.Parse(text, null, Document);

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    public static JsonNode? Parse(string text) => JsonNode.Parse(text, null, Document);

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    public static Task<JsonNode?> ParseAsync(Stream text, CancellationToken cancellation) => JsonNode.ParseAsync(text, null, Document, cancellation);
}
