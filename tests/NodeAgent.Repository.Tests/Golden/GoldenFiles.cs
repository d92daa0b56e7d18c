using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>
/// Where the golden files are, and the keys that they were made with. They stand for every repository that exists: a test
/// that fails on them says that those can no longer be read. <see cref="GoldenWriter"/> made them.
/// </summary>
internal static class GoldenFiles
{
    public const string Config = "config";
    public const string RawKeyObject = "key-raw";
    public const string PassphraseKeyObject = "key-passphrase";
    public const string DataPack = "pack-data";
    public const string TreePack = "pack-tree";
    public const string IndexSegment = "index-segment";
    public const string Snapshot = "snapshot";
    public const string ForgetMark = "forget-mark";
    public const string SessionRecord = "session-record";

    /// <summary>The names of the golden repository's listings begin with this; the snapshot's id follows.</summary>
    public const string ListingPrefix = "repository-";

    public const string Passphrase = "golden passphrase";

    public static readonly byte[] RepositoryId = Convert.FromHexString("000102030405060708090a0b0c0d0e0f");

    /// <summary>Bytes 1 to 32.</summary>
    public static readonly byte[] RawKey = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    /// <summary>Two generations: 32 times 0x40, 32 times 0x41.</summary>
    public static readonly byte[] RootKeys = [2, 0, 0, 0, .. Enumerable.Repeat((byte)0x40, 32), 1, 0, .. Enumerable.Repeat((byte)0x41, 32)];

    /// <summary>Little work, for tests only.</summary>
    public static readonly Argon2Parameters Cost = new(64, 1, 1);

    public static readonly DateTimeOffset Time = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    public static string Folder { get; } = Path.Combine(Checkout.Root, "tests/NodeAgent.Repository.Tests/Golden/v1");

    public static string RepositoryFolder { get; } = Path.Combine(Folder, "repository");

    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(Folder, name));

    /// <summary>The salt of a golden session: 32 times the same byte.</summary>
    public static byte[] Salt(byte value) => [.. Enumerable.Repeat(value, 32)];

    public static RepositorySecret Secret() => RepositorySecret.FromKey(RawKey);

    /// <summary>A repository of nothing but a config and a key object, without a store behind it.</summary>
    public static async Task<ChunkRepository> OpenAsync(byte[] config, byte[] keyObject, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("nodeagent-golden-").FullName;
        try
        {
            await using var store = new DirectoryStore(directory);
            await store.PutAsync(RepositoryConfig.Key, config, cancellationToken);
            await store.PutAsync(KeyObject.Prefix + "0", keyObject, cancellationToken);
            using var secret = Secret();
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions(), cancellationToken);
        }
        finally
        {
            // The objects under test are handed to it: from here on it needs no store.
            Directory.Delete(directory, recursive: true);
        }
    }
}
