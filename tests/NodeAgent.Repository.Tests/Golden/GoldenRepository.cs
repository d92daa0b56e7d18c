using System.Text.Json;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>
/// Makes the golden repository: two keys, two sessions of different ciphers, a snapshot, one that continues it, and one that
/// is forgotten. Small chunks and pages, so that little data makes some of everything.
/// </summary>
internal static class GoldenRepository
{
    public static readonly RepositoryParameters Parameters = new()
    {
        Chunker = new ChunkerParameters(256, 512, 2048),
        Trees = new TreeParameters(512, 2048, 3, 256),
        InlineFileLimit = 64,
        Bundles = new BundleParameters(1024, 1024, 2048, 2),
        PackTarget = 64 << 10,
    };

    /// <summary>Writes it, and returns the listings of the two snapshots by id.</summary>
    public static async Task<IReadOnlyList<(SnapshotId Id, IReadOnlyList<string> Lines)>> WriteAsync(string directory, CancellationToken cancellationToken)
    {
        await using (var store = new DirectoryStore(directory))
        {
            using var keys = RootKeys.Parse([1, 0, .. GoldenFiles.RootKeys.AsSpan(2, 34)]);
            using var raw = GoldenFiles.Secret();
            using var passphrase = RepositorySecret.FromPassphrase(GoldenFiles.Passphrase);
            foreach (var (key, content) in new[]
            {
                KeyObject.Encode(GoldenFiles.RepositoryId, keys, raw, "initial", GoldenFiles.Time),
                KeyObject.Encode(GoldenFiles.RepositoryId, keys, passphrase, "passphrase", GoldenFiles.Time, GoldenFiles.Cost),
            })
                await store.PutAsync(key, content, cancellationToken);
            var config = new RepositoryConfig { Id = Convert.ToHexStringLower(GoldenFiles.RepositoryId), Created = GoldenFiles.Time, Parameters = Parameters };
            await store.PutAsync(RepositoryConfig.Key, config.Encode(keys), cancellationToken);
        }

        using var secret = GoldenFiles.Secret();
        var options = new RepositoryOpenOptions { Time = new GoldenClock(GoldenFiles.Time) };
        await using var repository = await ChunkRepository.OpenAsync(new DirectoryStore(directory), secret, options, cancellationToken);
        var first = await SnapshotAsync(CipherSuite.Aes256Gcm, 0xA1, version: 1, null);
        var second = await SnapshotAsync(CipherSuite.ChaCha20Poly1305, 0xA2, version: 2, first.Id);
        var forgotten = await SnapshotAsync(CipherSuite.Aes256Gcm, 0xA3, version: 1, second.Id);
        using var cipher = repository.CreateCipher(CipherSuite.Aes256Gcm, GoldenFiles.Salt(0xA4));
        var mark = JsonSerializer.SerializeToUtf8Bytes(new ForgetRecord(forgotten.Id.ToString(), GoldenFiles.Time, "golden"), SnapshotJson.Default.ForgetRecord);
        await repository.Objects.PutAsync(cipher, ObjectKind.Forget, EnvelopeType.Forget, mark, $"forget/{forgotten.Id}/a4a4a4a4a4a4a4a4", cancellationToken);
        return [first, second];

        async Task<(SnapshotId Id, IReadOnlyList<string> Lines)> SnapshotAsync(CipherSuite suite, byte salt, int version, SnapshotId? parent)
        {
            await using var session = await repository.BeginSessionAsync(
                new WriteSessionOptions { Salt = GoldenFiles.Salt(salt), Suite = suite, Program = "nodeagent 0.1.0", Hostname = "golden-host" }, cancellationToken);
            var tree = new GoldenTree(repository, session, cancellationToken);
            var root = await tree.WriteAsync(version);
            var manifest = new SnapshotManifest
            {
                Time = GoldenFiles.Time.AddMinutes(salt),
                Hostname = "golden-host",
                Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/golden" },
                Parent = parent?.ToString(),
                Root = RootEntry.Encode(root),
            };
            return (await session.PublishAsync(manifest.ToJson(), cancellationToken), tree.Lines);
        }
    }
}
