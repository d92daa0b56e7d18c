using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml;
using System.Xml.Linq;

namespace NodeAgent.Stores.Azure;

/// <summary>
/// Tokens of a service principal for requests, and addresses that are signed with a key that the blob service lends to it. Both are kept until
/// shortly before their end; who comes meanwhile waits for the one that fetches.
/// </summary>
internal sealed class AzureTokens(AzureStoreOptions options, AzurePrincipal principal, HttpClient client, Func<DateTimeOffset> now) : IAzureSigner, IDisposable
{
    /// <summary>What a code in <see cref="AzureRequestException"/> begins with that is not the blob service's.</summary>
    public const string SignInCode = "SignIn:";

    private const int MaxAnswer = 256 * 1024;

    private static readonly TimeSpan Spare = TimeSpan.FromMinutes(5);

    /// <summary>The service lends keys for a week at most.</summary>
    private static readonly TimeSpan KeyLifetime = TimeSpan.FromDays(6);

    private readonly SemaphoreSlim _fetching = new(1);
    private (string Token, DateTimeOffset Until) _token;
    private DelegationKey? _key;

    public async ValueTask<string> AuthorizeAsync(HttpMethod method, Uri address, IReadOnlyDictionary<string, string> headers, CancellationToken cancellationToken)
    {
        await _fetching.WaitAsync(cancellationToken);
        try
        {
            return await TokenAsync(cancellationToken);
        }
        finally
        {
            _fetching.Release();
        }
    }

    public async ValueTask<string> QueryForAsync(string name, string permissions, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        DelegationKey key;
        await _fetching.WaitAsync(cancellationToken);
        try
        {
            if (_key is null || _key.Until < expires + Spare || _key.Until < now() + Spare) _key = await FetchKeyAsync(cancellationToken);
            key = _key;
        }
        finally
        {
            _fetching.Release();
        }

        // An address never outlives the key that it is signed with; the service would refuse it at once.
        if (expires > key.Until) throw new ArgumentException($"an address by a service principal is good for {KeyLifetime.TotalDays} days at most", nameof(expires));
        var until = expires.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        // Two other users and a correlation, then the address of the client and the protocol; then as with the account's key.
        var text = $"{permissions}\n\n{until}\n/blob/{options.Account}/{options.Container}/{name}\n{key.Object}\n{key.Tenant}\n{key.Start}\n{key.Expiry}\n{key.Service}\n{key.Version}\n\n\n\n\n\n{AzureSharedKey.Version}\nb\n\n\n\n\n\n\n";
        var signature = Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(key.Value), Encoding.UTF8.GetBytes(text)));
        return $"?sv={AzureSharedKey.Version}&sr=b&sp={permissions}&se={Uri.EscapeDataString(until)}&skoid={Uri.EscapeDataString(key.Object)}&sktid={Uri.EscapeDataString(key.Tenant)}"
            + $"&skt={Uri.EscapeDataString(key.Start)}&ske={Uri.EscapeDataString(key.Expiry)}&sks={key.Service}&skv={key.Version}&sig={Uri.EscapeDataString(signature)}";
    }

    public void Dispose() => _fetching.Dispose();

    private async Task<string> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token.Token is not null && now() < _token.Until - Spare) return _token.Token;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{principal.Authority.TrimEnd('/')}/{Uri.EscapeDataString(principal.Tenant)}/oauth2/v2.0/token"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = principal.Client,
                ["client_secret"] = principal.Secret,
                ["scope"] = "https://storage.azure.com/.default",
            }),
        };
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var document = await ReadJsonAsync(answer, cancellationToken);
        if (!answer.IsSuccessStatusCode || document?["access_token"] is not JsonValue token || token.GetValueKind() != JsonValueKind.String)
            throw new AzureRequestException((int)answer.StatusCode, SignInCode + TextOf(document, "error"), TextOf(document, "error_description"), answer.Headers.Date);
        var seconds = document["expires_in"] is JsonValue lifetime && long.TryParse(lifetime.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : 0;
        _token = ($"Bearer {token.GetValue<string>()}", now() + TimeSpan.FromSeconds(seconds));
        return _token.Token;
    }

    private async Task<DelegationKey> FetchKeyAsync(CancellationToken cancellationToken)
    {
        var (start, expiry) = (Stamp(now() - Spare), Stamp(now() + KeyLifetime));
        var body = Encoding.UTF8.GetBytes($"<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{options.Endpoint.TrimEnd('/')}/?restype=service&comp=userdelegationkey")) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
        request.Headers.Add("x-ms-version", AzureSharedKey.Version);
        request.Headers.Add("x-ms-date", now().ToString("R", CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("Authorization", await TokenAsync(cancellationToken));
        using var answer = await AzureEndpoint.SendAsync(client, request, cancellationToken);
        await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var document = await XDocument.LoadAsync(content, LoadOptions.None, cancellationToken);
        return new DelegationKey(Field("SignedOid"), Field("SignedTid"), Field("SignedStart"), Field("SignedExpiry"), Field("SignedService"), Field("SignedVersion"), Field("Value"));

        string Field(string name) => document.Root?.Element(name)?.Value is { Length: > 0 } value ? value : throw new XmlException($"a key without {name}");
    }

    private static string Stamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static async Task<JsonNode?> ReadJsonAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxAnswer];
        var length = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        try
        {
            return JsonNode.Parse(buffer.AsSpan(0, length)) as JsonObject;
        }
        catch (JsonException)
        {
            // That of a proxy: the status is what is known.
            return null;
        }
    }

    private static string TextOf(JsonNode? document, string field) => document?[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    private sealed record DelegationKey(string Object, string Tenant, string Start, string Expiry, string Service, string Version, string Value)
    {
        public DateTimeOffset Until { get; } = DateTimeOffset.Parse(Expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
    }
}
