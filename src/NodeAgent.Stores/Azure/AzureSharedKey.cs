using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Stores.Azure;

/// <summary>Signs requests and addresses with the key of a storage account.</summary>
internal sealed class AzureSharedKey(string account, string container, string key) : IAzureSigner
{
    /// <summary>The version of the service that is spoken, in requests and in addresses.</summary>
    public const string Version = "2021-12-02";

    private static readonly string[] SignedHeaders =
        ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"];

    private readonly byte[] _key = Convert.FromBase64String(key);

    public ValueTask<string> AuthorizeAsync(HttpMethod method, Uri address, IReadOnlyDictionary<string, string> headers, CancellationToken cancellationToken)
    {
        var text = new StringBuilder(method.Method).Append('\n');
        foreach (var name in SignedHeaders) text.Append(headers.GetValueOrDefault(name)).Append('\n');
        foreach (var (name, value) in headers.Where(h => h.Key.StartsWith("x-ms-", StringComparison.Ordinal)).OrderBy(h => h.Key, StringComparer.Ordinal))
            text.Append(name).Append(':').Append(value).Append('\n');
        text.Append('/').Append(account).Append(address.AbsolutePath);
        foreach (var part in address.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            text.Append('\n').Append(part[..at]).Append(':').Append(Uri.UnescapeDataString(part[(at + 1)..]));
        }

        return ValueTask.FromResult($"SharedKey {account}:{Sign(text.ToString())}");
    }

    public ValueTask<string> QueryForAsync(string name, string permissions, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        var until = expires.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        // Start, identifier, address of the client, protocol; then snapshot, encryption scope and five headers of the answer: none.
        var signature = Sign($"{permissions}\n\n{until}\n/blob/{account}/{container}/{name}\n\n\n\n{Version}\nb\n\n\n\n\n\n\n");
        return ValueTask.FromResult($"?sv={Version}&sr=b&sp={permissions}&se={Uri.EscapeDataString(until)}&sig={Uri.EscapeDataString(signature)}");
    }

    private string Sign(string text) => Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)));
}
