using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace NodeAgent.Stores.S3;

/// <summary>
/// Remembers <see cref="S3Capabilities"/> for each endpoint, bucket and prefix: in a file, which may be deleted at any time, and for
/// this process, which may run where it cannot write.
/// </summary>
public static class S3CapabilityCache
{
    private static readonly ConcurrentDictionary<string, S3Capabilities> Known = new(StringComparer.Ordinal);

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
        if (Known.TryGetValue(file, out var known)) return known;
        if (options.CapabilityDirectory!.Length == 0) return null;
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

    internal static void Write(S3StoreOptions options, S3Capabilities found)
    {
        if (FileOf(options) is not { } file) return;
        Known[file] = found;
        if (options.CapabilityDirectory!.Length == 0) return;
        var temporary = $"{file}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(options.CapabilityDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(found, S3CapabilityJson.Default.S3Capabilities));
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // As in a pod with a read-only root: the next process looks again.
        }
    }

    private static string? FileOf(S3StoreOptions options)
    {
        if (options.CapabilityDirectory is not { } directory) return null;
        var name = SHA256.HashData(Encoding.UTF8.GetBytes($"{options.Endpoint.TrimEnd('/').ToLowerInvariant()}\n{options.Bucket}\n{options.TrimmedPrefix}"));
        return Path.Combine(directory, $"{Convert.ToHexStringLower(name.AsSpan(0, 16))}.json");
    }
}
