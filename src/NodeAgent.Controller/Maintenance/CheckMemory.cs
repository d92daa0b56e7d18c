using System.Security.Cryptography;
using NodeAgent.Repository;
using NodeAgent.Repository.Verification;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Maintenance;

/// <summary>
/// Which packs were read when, kept in the location beside the repository, so that checks get round whatever pod makes them. It is sealed
/// with the cluster's key: who may write the bucket only cannot have a pack passed over that he altered.
/// </summary>
/// <param name="bucket">The location.</param>
/// <param name="seal">The key.</param>
/// <param name="directory">For the file while it is in use.</param>
internal sealed class CheckMemory(IBucket bucket, byte[] seal, string directory) : IDisposable
{
    private readonly string _directory = Path.Combine(directory, $"nodeagent-check-{Guid.NewGuid():N}");

    /// <summary>What is remembered; nothing when the file is absent or not ours.</summary>
    public async Task<PackVerifications> LoadAsync(ChunkRepository repository, CancellationToken cancellation)
    {
        Directory.CreateDirectory(_directory);
        await using var stored = await bucket.OpenAsync(KeyOf(repository), int.MaxValue, cancellation);
        if (stored is { Length: > HMACSHA256.HashSizeInBytes })
        {
            var content = new byte[stored.Length];
            await stored.ReadExactlyAsync(content, cancellation);
            var body = content.AsMemory(HMACSHA256.HashSizeInBytes);
            if (CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(seal, body.Span), content.AsSpan(0, HMACSHA256.HashSizeInBytes)))
                await File.WriteAllBytesAsync(FileOf(repository), body.ToArray(), cancellation);
        }

        return PackVerifications.Load(FileOf(repository), repository);
    }

    public async Task SaveAsync(ChunkRepository repository, PackVerifications verifications, CancellationToken cancellation)
    {
        verifications.Save();
        var body = await File.ReadAllBytesAsync(FileOf(repository), cancellation);
        await bucket.PutAsync(KeyOf(repository), (byte[])[.. HMACSHA256.HashData(seal, body), .. body], cancellation);
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Beside the repository and not in it: it is no object of it, and is replaced.</summary>
    private static string KeyOf(ChunkRepository repository) => $"plugins/nodeagent-checks/{repository.Config.Id}";

    private string FileOf(ChunkRepository repository) => Path.Combine(_directory, repository.Config.Id);
}
