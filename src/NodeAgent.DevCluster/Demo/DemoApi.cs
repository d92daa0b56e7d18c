using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Demo;

/// <summary>The handful of API requests that the demo makes beside the command line: what a user would do with kubectl.</summary>
internal sealed class DemoApi(Uri address) : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http = new() { BaseAddress = address };

    public async Task<JsonNode?> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(path, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        return JsonNode.Parse(await ReadAsync(response, path, cancellationToken));
    }

    public async Task<JsonNode> CreateAsync(string path, string json, CancellationToken cancellationToken)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync(path, content, cancellationToken);
        return JsonNode.Parse(await ReadAsync(response, path, cancellationToken))!;
    }

    public async Task DeleteAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await _http.DeleteAsync(path, cancellationToken);
        await ReadAsync(response, path, cancellationToken);
    }

    /// <summary>Reads an object again and again until <paramref name="done"/> says yes (null: it is not there).</summary>
    /// <exception cref="DemoException">It did not come about in <paramref name="within"/>.</exception>
    public async Task<JsonNode?> WaitAsync(string path, string what, TimeSpan within, Func<JsonNode?, bool> done, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(within);
        JsonNode? last = null;
        try
        {
            while (true)
            {
                last = await GetAsync(path, limit.Token);
                if (done(last)) return last;
                await Task.Delay(Poll, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DemoException($"{what} did not come about in {within.TotalSeconds:F0} s; its status is {last?["status"]?.ToJsonString() ?? "absent"}");
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<string> ReadAsync(HttpResponseMessage response, string path, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        if (response.IsSuccessStatusCode) return body;
        throw new DemoException($"{response.RequestMessage!.Method} {path}: {(int)response.StatusCode} {body}");
    }
}
