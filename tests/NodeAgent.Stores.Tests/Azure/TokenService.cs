using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.Stores.Tests.Azure;

/// <summary>A stand-in for the service that gives tokens to principals: it knows one, and its tokens are not signed, which is enough for Azurite.</summary>
internal sealed class TokenService : IAsyncDisposable
{
    public const string Tenant = "ab1f708d-50f6-404c-a006-d71b2ac7a606";
    public const string Client = "f997392c-e15a-4ad8-af9e-cd6966caba7f";
    public const string Secret = "s3cret+/=&";

    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    public TokenService()
    {
        var port = Random.Shared.Next(20000, 32000);
        for (var tries = 0; ; tries++, port++)
        {
            try
            {
                _listener.Prefixes.Clear();
                _listener.Prefixes.Add($"http://127.0.0.1:{port}/");
                _listener.Start();
                break;
            }
            catch (HttpListenerException) when (tries < 50)
            {
                // Taken by another.
            }
        }

        Address = $"http://127.0.0.1:{port}";
        _serving = ServeAsync();
    }

    public string Address { get; }

    /// <summary>How long the tokens are good.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    public int Given { get; private set; }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private static string Part(JsonObject content) => Convert.ToBase64String(Encoding.UTF8.GetBytes(content.ToJsonString())).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                var call = await _listener.GetContextAsync();
                using var reader = new StreamReader(call.Request.InputStream);
                var form = (await reader.ReadToEndAsync()).Split('&').Select(p => p.Split('=')).ToDictionary(p => p[0], p => WebUtility.UrlDecode(p[1]));
                var isKnown = call.Request.Url!.AbsolutePath == $"/{Tenant}/oauth2/v2.0/token" && form["client_id"] == Client && form["client_secret"] == Secret
                    && form["grant_type"] == "client_credentials" && form["scope"] == "https://storage.azure.com/.default";
                var answer = isKnown
                    ? new JsonObject { ["token_type"] = "Bearer", ["expires_in"] = (long)Lifetime.TotalSeconds, ["access_token"] = NewToken() }
                    : new JsonObject { ["error"] = "invalid_client", ["error_description"] = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1" };
                call.Response.StatusCode = isKnown ? 200 : 401;
                call.Response.ContentType = "application/json";
                await call.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer.ToJsonString()));
                call.Response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private string NewToken()
    {
        Given++;
        var now = DateTimeOffset.UtcNow;
        var claims = new JsonObject
        {
            ["aud"] = "https://storage.azure.com",
            ["iss"] = $"https://sts.windows.net/{Tenant}/",
            ["iat"] = now.AddMinutes(-5).ToUnixTimeSeconds(),
            ["nbf"] = now.AddMinutes(-5).ToUnixTimeSeconds(),
            ["exp"] = (now + Lifetime).ToUnixTimeSeconds(),
            ["oid"] = "11059fcc-5514-4800-b5f8-49808b9cfab6",
            ["tid"] = Tenant,
        };
        return $"{Part(new JsonObject { ["alg"] = "HS256", ["typ"] = "JWT" })}.{Part(claims)}.c2ln";
    }
}
