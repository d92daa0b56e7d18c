using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Agent.Volumes;

/// <summary>
/// All that the cluster and the pod say of how a location's repository is opened, as a hash: two that are equal open the same one with the same keys. Not the location's
/// resourceVersion, which changes each time that the location is validated.
/// </summary>
internal static class LocationIdentity
{
    /// <summary>Files with the servers' own credentials, which count for locations that name none.</summary>
    private static readonly string[] FileVariables = ["AWS_SHARED_CREDENTIALS_FILE", "AZURE_CREDENTIALS_FILE"];

    /// <param name="uid">The location's UID.</param>
    /// <param name="description">What it says, with its credentials.</param>
    /// <param name="secret">The Secret with the repository's key; null when there is none.</param>
    public static string Of(string? uid, LocationDescription description, KubernetesObject? secret)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(JsonSerializer.SerializeToUtf8Bytes(description, LocationIdentityJson.Default.LocationDescription));
        Add(Encoding.UTF8.GetBytes(uid ?? ""));
        Add(Encoding.UTF8.GetBytes(secret is null ? "" : $"{secret.Uid}/{secret.ResourceVersion}"));
        foreach (var file in FileVariables.Select(Environment.GetEnvironmentVariable)) Add(description.Credentials.Length == 0 && LocationProviders.IsRemote(description.Provider) ? Read(file) : []);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(ReadOnlySpan<byte> part)
        {
            // So that no two lists of parts look the same.
            hash.AppendData(BitConverter.GetBytes((long)part.Length));
            hash.AppendData(part);
        }
    }

    private static byte[] Read(string? file)
    {
        try
        {
            return string.IsNullOrEmpty(file) ? [] : File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Whoever opens the store says so, if it wants the file.
            return [];
        }
    }
}
