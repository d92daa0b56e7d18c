using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>
/// The JSON files of one backup or restore. A description is worth printing without them, so one that cannot be had is a
/// warning; and after the server has once not answered, nothing more is asked of it.
/// </summary>
internal sealed class RunFiles(DownloadClient client, string name, string storageLocation)
{
    /// <summary>Files of this kind are lists of names and messages; past this something is wrong.</summary>
    private const long MaxLength = 256L << 20;

    private bool _unreachable;

    public async Task<JsonNode?> ReadAsync(string kind, CancellationToken cancellationToken)
    {
        if (_unreachable)
            return null;
        try
        {
            await using var stream = await client.OpenTextAsync(kind, name, storageLocation, cancellationToken);
            return stream is null ? null : await ParseAsync(stream, cancellationToken);
        }
        catch (Exception exception) when (exception is CommandException or IOException or HttpRequestException or JsonException or UnauthorizedAccessException)
        {
            _unreachable = exception is CommandException;
            StandardStreams.Warn($"{kind} of {name}: {exception.Message}");
            return null;
        }
    }

    private static async Task<JsonNode?> ParseAsync(Stream stream, CancellationToken cancellationToken)
    {
        var content = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (content.Length + read > MaxLength)
                throw new InvalidDataException($"it is longer than {MaxLength >> 20} MiB");
            content.Write(buffer, 0, read);
        }

        content.Position = 0;
        return content.Length == 0 ? null : JsonNode.Parse(content);
    }
}
