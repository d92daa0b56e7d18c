using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Bundles of small files, each opened once for all the files in it that are written at about the same time. Their buffers are used
/// again: a restore of many small files passes through as much memory as it writes, and would leave it to be collected. Thread-safe.
/// </summary>
internal sealed class BundleShelf(ChunkReader reader, int maxLength)
{
    /// <summary>Bundles that are kept for files to come. Files of an earlier backup lie in other bundles than their neighbours.</summary>
    private const int Kept = 12;

    private readonly Lock _gate = new();
    private readonly List<Place> _places = [];
    private long _clock;

    /// <summary>A bundle in use; disposed to give it back.</summary>
    internal readonly struct Loan : IDisposable
    {
        private readonly BundleShelf _shelf;
        private readonly Place _place;

        internal Loan(BundleShelf shelf, Place place, int length)
        {
            (_shelf, _place) = (shelf, place);
            Content = place.Buffer.AsMemory(0, length);
        }

        /// <summary>What the bundle holds; not to be used any more when the loan has ended.</summary>
        public ReadOnlyMemory<byte> Content { get; }

        public void Dispose() => _shelf.Release(_place);
    }

    internal sealed class Place
    {
        public ChunkId Id { get; set; }

        public byte[] Buffer { get; set; } = [];

        public Task<int>? Length { get; set; }

        public int Users { get; set; }

        public long LastUse { get; set; }
    }

    /// <summary>Whether a bundle needs not be read.</summary>
    public bool Has(ChunkId id)
    {
        lock (_gate) return Find(id) is not null;
    }

    /// <summary>A bundle, from what a batch has read already when it has it.</summary>
    /// <exception cref="RepositoryException">It cannot be read.</exception>
    public async ValueTask<Loan> OpenAsync(ChunkId id, ChunkBatch? batch, CancellationToken cancellationToken)
    {
        Place place;
        Task<int> length;
        TaskCompletionSource<int>? mine = null;
        lock (_gate)
        {
            if (Find(id) is { } found)
            {
                place = found;
            }
            else
            {
                mine = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
                place = FreePlace();
                (place.Id, place.Length) = (id, mine.Task);
            }

            length = place.Length!;
            place.Users++;
            place.LastUse = ++_clock;
        }

        if (mine is not null) await LoadAsync(place, mine, batch, cancellationToken);
        try
        {
            return new Loan(this, place, await length);
        }
        catch
        {
            Release(place);
            throw;
        }
    }

    private async Task LoadAsync(Place place, TaskCompletionSource<int> loaded, ChunkBatch? batch, CancellationToken cancellationToken)
    {
        try
        {
            // How long it is comes from the index; one that the index lacks so far is looked for by whoever reads it.
            var length = reader.TryLocate(place.Id, out var location) ? Math.Min(location.PlainLength, maxLength) : maxLength;
            if (place.Buffer.Length < length) place.Buffer = GC.AllocateUninitializedArray<byte>(Math.Min(maxLength, Math.Max(1 << 20, length)));
            loaded.SetResult(await reader.ReadAsync(place.Id, ChunkKind.Data, place.Buffer, batch, cancellationToken));
        }
        catch (Exception exception)
        {
            // Whoever asks next tries again.
            lock (_gate) place.Length = null;
            loaded.SetException(exception);
        }
    }

    private void Release(Place place)
    {
        lock (_gate)
        {
            place.Users--;
            if (place.Users == 0 && _places.Count > Kept) _places.Remove(place);
        }
    }

    private Place? Find(ChunkId id) => _places.Find(place => place.Length is not null && place.Id == id);

    private Place FreePlace()
    {
        var oldest = _places.Count < Kept ? null : _places.Where(place => place.Users == 0).MinBy(place => place.LastUse);
        if (oldest is not null) return oldest;
        var place = new Place();
        _places.Add(place);
        return place;
    }
}
