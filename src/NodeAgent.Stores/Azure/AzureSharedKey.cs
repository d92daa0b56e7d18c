using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Stores.Azure;

/// <summary>Signs requests and addresses with the key of a storage account.</summary>
internal sealed class AzureSharedKey(string account, string key)
{
    /// <summary>The version of the service that is spoken, in requests and in addresses.</summary>
    public const string Version = "2021-12-02";

    private static readonly string[] SignedHeaders =
        ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"];

    private readonly byte[] _key = Convert.FromBase64String(key);

    /// <summary>The value of the Authorization header.</summary>
    /// <param name="method">Of the request.</param>
    /// <param name="address">As it is sent, with its query.</param>
    /// <param name="headers">All headers that count, Content-Length where it is not 0.</param>
    public string Authorize(HttpMethod method, Uri address, IReadOnlyDictionary<string, string> headers)
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

        return $"SharedKey {account}:{Sign(text.ToString())}";
    }

    /// <summary>The query that lets whoever has it do something with one blob until its time is over.</summary>
    /// <param name="container">Of the blob.</param>
    /// <param name="name">The blob's, not encoded.</param>
    /// <param name="permissions">Letters of the service: r, c, w and d, in this order.</param>
    /// <param name="expires">By the server's clock; whole seconds count.</param>
    public string QueryFor(string container, string name, string permissions, DateTimeOffset expires)
    {
        var until = expires.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        // Start, identifier, address of the client, protocol; then snapshot, encryption scope and five headers of the answer: none.
        var signature = Sign($"{permissions}\n\n{until}\n/blob/{account}/{container}/{name}\n\n\n\n{Version}\nb\n\n\n\n\n\n\n");
        return $"?sv={Version}&sr=b&sp={permissions}&se={Uri.EscapeDataString(until)}&sig={Uri.EscapeDataString(signature)}";
    }

    private string Sign(string text) => Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)));
}
