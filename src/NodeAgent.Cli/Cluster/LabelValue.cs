using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>A name as the value of a label, which has at most 63 characters.</summary>
internal static class LabelValue
{
    private const int MaxLength = 63;
    private const int HashLength = 6;

    /// <summary>The name itself, or its first 57 characters and six digits of its SHA-256, as Velero shortens it.</summary>
    public static string From(string name) => name.Length <= MaxLength
        ? name
        : name[..(MaxLength - HashLength)] + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength];
}
