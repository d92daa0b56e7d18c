using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests;

/// <summary>The events of one open watch.</summary>
internal sealed class WatchReader(HttpResponseMessage response, StreamReader lines) : IDisposable
{
    /// <returns>The next event; null when the stream has ended.</returns>
    public async Task<(string Type, JsonObject Object)?> NextAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(15));
        var line = await lines.ReadLineAsync(limit.Token);
        if (line is null)
            return null;
        var change = JsonNode.Parse(line)!;
        return ((string)change["type"]!, (JsonObject)change["object"]!);
    }

    public async Task<(string Type, string Name)> NameAsync()
    {
        var next = await NextAsync() ?? throw new InvalidOperationException("the watch has ended");
        return (next.Type, (string)next.Object["metadata"]!["name"]!);
    }

    public void Dispose()
    {
        lines.Dispose();
        response.Dispose();
    }
}
