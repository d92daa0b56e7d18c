using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Controller.Requests;

/// <summary>
/// Addresses of files that the controller serves: BASE/download/REQUEST?token=TOKEN. Whoever knows the token, which stands in the request's status alone, may
/// read that one file for as long as the request is there and has not expired.
/// </summary>
internal static class DownloadAddress
{
    private const string Folder = "download/";
    private const string Parameter = "token";
    private const int TokenBytes = 32;

    /// <param name="served">What the address begins with.</param>
    /// <param name="request">Name of the DownloadRequest.</param>
    /// <param name="fragment">For the client's eyes only; with its #, or empty.</param>
    public static Uri Make(Uri served, string request, string fragment) =>
        new($"{served.AbsoluteUri.TrimEnd('/')}/{Folder}{request}?{Parameter}={Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes))}{fragment}");

    /// <summary>The name of the request that a path asks for; null when it is none of these paths.</summary>
    public static string? RequestOf(string path) => path.LastIndexOf("/" + Folder, StringComparison.Ordinal) is >= 0 and var at ? path[(at + 1 + Folder.Length)..] : null;

    /// <summary>Whether the address in a request's status has this token.</summary>
    public static bool Matches(string address, string token)
    {
        var mark = $"?{Parameter}=";
        var at = address.IndexOf(mark, StringComparison.Ordinal);
        if (at < 0 || !address.Contains("/" + Folder, StringComparison.Ordinal)) return false;
        var own = address[(at + mark.Length)..].Split('#')[0];
        return own.Length > 0 && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(own), Encoding.UTF8.GetBytes(token));
    }
}
