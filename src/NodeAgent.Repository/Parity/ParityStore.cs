using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Parity;

/// <summary>
/// A store in which what is written gets parity, and loses it when it is deleted. The object comes first, so that a stop between the two leaves an object
/// without parity, which "repo parity update" makes, or parity without an object, which it removes.
/// </summary>
/// <param name="inner">Holds both. Its fences are locks, so that what is written through one is written here.</param>
/// <param name="percent">Parity blocks for each hundred blocks.</param>
/// <param name="repositoryId">For the headers.</param>
internal sealed class ParityStore(IObjectStore inner, int percent, byte[] repositoryId) : IObjectStore
{
    public const string Prefix = "parity/";

    private static readonly string[] Protected = [PackId.Prefix, IndexSegment.Prefix, SnapshotCatalog.Prefix];

    /// <summary>The store below, in which a damaged object can be replaced without its parity going with it.</summary>
    public IObjectStore Inner => inner;

    public int Percent => percent;

    public string Location => inner.Location;

    public bool HasExclusiveFences => inner.HasExclusiveFences;

    public int WorthwhileRead => inner.WorthwhileRead;

    /// <summary>Whether an object is of those that get parity: those that are named by their hash and that nobody can make again.</summary>
    public static bool IsProtected(string key) => Protected.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal));

    public static string KeyOf(string key) => Prefix + key;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var outcome = await inner.PutAsync(key, body, cancellationToken);
        if (outcome == PutOutcome.Created && IsProtected(key) && body.Length is > 0 and <= ParityLayout.MaxLength)
            await inner.PutAsync(KeyOf(key), ParityObject.Encode(body.Span, percent, repositoryId), cancellationToken);
        return outcome;
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(key, offset, destination, cancellationToken);

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) => inner.ReadAllAsync(key, maxLength, cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => inner.StatAsync(key, cancellationToken);

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken)
    {
        var was = await inner.DeleteAsync(key, cancellationToken);
        if (IsProtected(key)) await inner.DeleteAsync(KeyOf(key), cancellationToken);
        return was;
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
