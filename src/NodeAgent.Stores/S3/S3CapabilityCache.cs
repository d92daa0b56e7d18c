using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace NodeAgent.Stores.S3;

/// <summary>Remembers <see cref="S3Capabilities"/> in a file for each endpoint, bucket and prefix. All of it may be lost or be deleted at any time.</summary>
public static class S3CapabilityCache
{
    /// <summary>The user's directory for what can be made again; null when there is none.</summary>
    public static string? DefaultDirectory
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache)) return Path.Combine(cache, "nodeagent");
            return Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home && Path.IsPathRooted(home) ? Path.Combine(home, ".cache", "nodeagent") : null;
        }
    }

    internal static S3Capabilities? Read(S3StoreOptions options)
    {
        if (FileOf(options) is not { } file) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), S3CapabilityJson.Default.S3Capabilities);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // Not there, or of no use: the endpoint is then treated as one that nobody has looked at.
            return null;
        }
    }

    /// <summary>A directory that cannot be written, as in a pod with a read-only root, costs the memory and nothing else.</summary>
    internal static void Write(S3StoreOptions options, S3Capabilities found)
    {
        if (FileOf(options) is not { } file) return;
        var temporary = $"{file}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(found, S3CapabilityJson.Default.S3Capabilities));
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static string? FileOf(S3StoreOptions options)
    {
        if (options.CapabilityDirectory is not { } directory) return null;
        var name = SHA256.HashData(Encoding.UTF8.GetBytes($"{options.Endpoint.TrimEnd('/').ToLowerInvariant()}\n{options.Bucket}\n{options.TrimmedPrefix}"));
        return Path.Combine(directory, $"{Convert.ToHexStringLower(name.AsSpan(0, 16))}.json");
    }
}
