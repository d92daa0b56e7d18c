using System.Diagnostics.CodeAnalysis;
using NodeAgent.Repository.SealedFiles;

namespace NodeAgent.Stores.Buckets;

/// <summary>
/// The address of a sealed file, for whoever may read that one file: behind the address of its bytes stand, as a fragment, which is sent to no
/// server, its key and the name that it was sealed under.
/// </summary>
public static class SealedAddress
{
    private const string KeyMark = "#nodeagent-key=";
    private const string NameMark = "&name=";

    /// <summary>Puts an address together.</summary>
    public static Uri Compose(Uri address, SealedFileKey key, string name)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(key);
        return new Uri($"{address.AbsoluteUri}{KeyMark}{key.Reveal()}{NameMark}{Uri.EscapeDataString(name)}");
    }

    /// <summary>Takes one apart; false for the address of a file that is clear. The caller disposes the key.</summary>
    public static bool TrySplit(string text, [NotNullWhen(true)] out string? address, [NotNullWhen(true)] out SealedFileKey? key, [NotNullWhen(true)] out string? name)
    {
        ArgumentNullException.ThrowIfNull(text);
        (address, key, name) = (null, null, null);
        var at = text.IndexOf(KeyMark, StringComparison.Ordinal);
        var end = at < 0 ? -1 : text.IndexOf(NameMark, at, StringComparison.Ordinal);
        if (end < 0 || SealedFileKey.TryParse(text[(at + KeyMark.Length)..end]) is not { } parsed) return false;
        (address, key, name) = (text[..at], parsed, Uri.UnescapeDataString(text[(end + NameMark.Length)..]));
        return true;
    }
}
