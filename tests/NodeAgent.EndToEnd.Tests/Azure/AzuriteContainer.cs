using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace NodeAgent.EndToEnd.Tests.Azure;

/// <summary>A new container on the server that <c>tests/services/azurite</c> starts, reached by requests that are signed here; without it the test is skipped by name.</summary>
internal sealed class AzuriteContainer : IDisposable
{
    private const string HowToGetIt = "no Azurite: eval \"$(tests/services/azurite up --tests)\" starts it (docs/testing.md)";
    private const string Version = "2021-12-02";

    private readonly HttpClient _client = new();

    private AzuriteContainer(string name) => Name = name;

    public string Name { get; }

    /// <summary>A credentials file as a user puts it into a Secret.</summary>
    public static string CredentialsFile => $"AZURE_STORAGE_ACCOUNT_ACCESS_KEY={Get("AZURE_STORAGE_KEY")}\nAZURE_CLOUD_NAME=AzurePublicCloud\n";

    /// <summary>What <c>--config</c> says for this server.</summary>
    public static string Config => $"storageAccount={Get("AZURE_STORAGE_ACCOUNT")},storageAccountURI={Get("AZURE_BLOB_ENDPOINT")},resourceGroup=some-group";

    public static async Task<AzuriteContainer> CreateAsync(CancellationToken cancellationToken)
    {
        var container = new AzuriteContainer($"e2e-{Guid.NewGuid():N}");
        await container.SendAsync(HttpMethod.Put, ("restype", "container"), null, cancellationToken);
        return container;
    }

    /// <summary>One of the variables that the script prints.</summary>
    public static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable("NODEAGENT_TEST_" + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }

    /// <summary>All names in the container that begin so.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        var document = XDocument.Parse(await SendAsync(HttpMethod.Get, ("comp", "list"), prefix, cancellationToken));
        return [.. document.Descendants("Blob").Select(blob => blob.Element("Name")!.Value)];
    }

    public void Dispose() => _client.Dispose();

    private async Task<string> SendAsync(HttpMethod method, (string Name, string Value) parameter, string? prefix, CancellationToken cancellationToken)
    {
        var account = Get("AZURE_STORAGE_ACCOUNT");
        var query = prefix is null ? $"{parameter.Name}={parameter.Value}" : $"comp=list&prefix={Uri.EscapeDataString(prefix)}&restype=container";
        var date = DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture);
        var parameters = prefix is null ? $"\n{parameter.Name}:{parameter.Value}" : $"\ncomp:list\nprefix:{prefix}\nrestype:container";
        var text = $"{method.Method}\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{Version}\n/{account}/{account}/{Name}{parameters}";
        var signature = Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(Get("AZURE_STORAGE_KEY")), Encoding.UTF8.GetBytes(text)));
        using var request = new HttpRequestMessage(method, new Uri($"{Get("AZURE_BLOB_ENDPOINT")}/{Name}?{query}"));
        if (method == HttpMethod.Put) request.Content = new ByteArrayContent([]);
        request.Headers.Add("x-ms-date", date);
        request.Headers.Add("x-ms-version", Version);
        request.Headers.TryAddWithoutValidation("Authorization", $"SharedKey {account}:{signature}");
        using var answer = await _client.SendAsync(request, cancellationToken);
        var content = await answer.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(answer.IsSuccessStatusCode, content);
        return content;
    }
}
