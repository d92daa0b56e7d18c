using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Collects files, links and the like until their content is worth a few large reads of packs, and then lets them be made. Used by the walk alone.
/// Files lie in packs in about the order in which a walk comes to them, so that each region of a pack is read about once.
/// </summary>
internal sealed class ReadAhead(ChunkReader reader, ChunkFetcher fetcher, BundleShelf bundles, WorkerPool workers)
{
    /// <summary>Content of a batch: several of them fit the budget, so that one is read while others are written.</summary>
    public const long BatchBytes = 5 << 20;

    /// <summary>A file with more than this brings its own batches.</summary>
    public const long MaxFile = 4 << 20;

    // Small files whose content comes to little: enough that a batch is as long as it may be all the same, and its reads with it.
    private const int MaxFiles = 2048;

    // Each is kept open until its files are written.
    private const int MaxDirectories = 256;

    // What one worker makes in one go, or a share of its batch when that is more. Two that make files in one directory wait for each other, and each handing over
    // costs: 1,000,000 tiny files, seven of ten empty, took 29 s to restore one by one, 21 s like this (bench/RESULTS.md).
    private const int MaxFilesTogether = 64;

    // Parts of so many batches are what the walk may be ahead of the workers (WorkerPool.Limit): the next one is being read while files of one are written.
    private const int BatchesUnderWay = 2;

    // Open at once, of all that waits for a worker: the limit of open files may be 1,024.
    private const int MaxDirectoriesWaiting = 256;
    private const long MaxBytesTogether = 256 << 10;

    private readonly List<(RestoredDirectory Directory, long Size, Func<SharedBatch, Task> Restore)> _files = [];
    private readonly HashSet<ChunkId> _chunks = [];
    private long _bytes;
    private int _directories;

    /// <summary>Whether it is made together with others: all but directories and what is read in parts of its own.</summary>
    public static bool IsFor(TreeEntry entry) => entry is not { Content: ChunkList or IndirectList } || (entry.Content is ChunkList && entry.Size <= MaxFile);

    /// <summary>Whether its content is in chunks of the repository.</summary>
    public static bool IsRead(TreeEntry entry) => entry.Content is BundleSlice or ChunkList;

    /// <summary>Adds a file, or a link or the like; it, and those before it, are started when the batch is full.</summary>
    /// <param name="entry">What is made.</param>
    /// <param name="directory">Where it is made.</param>
    /// <param name="restore">Makes it, on a worker; does not fail.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    public async ValueTask AddAsync(TreeEntry entry, RestoredDirectory directory, Func<SharedBatch, Task> restore, CancellationToken cancellationToken)
    {
        if (_files.Count == 0 || _files[^1].Directory != directory) _directories++;
        _files.Add((directory, IsRead(entry) || entry.Content is InlineContent ? entry.Size : 0, restore));
        // What is in memory already stays there until the file is made.
        foreach (var attribute in entry.ExtendedAttributes) _bytes += attribute.Value.Length;
        switch (entry.Content)
        {
            case InlineContent inline:
                _bytes += inline.Bytes.Length;
                break;
            case BundleSlice slice when !bundles.Has(slice.Chunk):
                Add(slice.Chunk, int.MaxValue);
                break;
            case ChunkList list:
                foreach (var item in list.Items)
                {
                    if (!item.IsHole) Add(item.Id, item.Length);
                }

                break;
        }

        if (_bytes >= BatchBytes || _files.Count >= MaxFiles || _directories >= MaxDirectories) await FlushAsync(cancellationToken);
    }

    /// <summary>Starts what was added, once there is room for its content.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_files.Count > 0) Start(await fetcher.BeginAsync(_chunks, cancellationToken));
    }

    /// <summary>Starts what is left when the run ends early: directories wait for their files, which then find out that it is over.</summary>
    public void Abandon()
    {
        if (_files.Count > 0) Start(null);
    }

    private void Start(ChunkBatch? chunks)
    {
        // From here on the batch belongs to its files: the last of them that is done gives it up.
        var batch = new SharedBatch(chunks, _files.Count);
        // Few files are for all workers, too.
        var share = workers.Limit / BatchesUnderWay;
        var mostFiles = Math.Clamp(_files.Count / workers.Workers, 1, Math.Max(MaxFilesTogether, _files.Count / share));
        var mostBytes = Math.Max(MaxBytesTogether, _files.Sum(file => file.Size) / share);
        var mostDirectories = Math.Max(1, MaxDirectoriesWaiting / workers.Limit);
        for (var first = 0; first < _files.Count;)
        {
            var (next, directories, bytes) = (first + 1, 1, _files[first].Size);
            for (; next < _files.Count && next - first < mostFiles; next++)
            {
                if (_files[next].Directory != _files[next - 1].Directory && ++directories > mostDirectories) break;
                if ((bytes += _files[next].Size) > mostBytes) break;
            }

            var together = _files[first..next];
            _ = workers.Run(async () =>
            {
                foreach (var (_, _, restore) in together) await restore(batch);
            });
            first = next;
        }

        _files.Clear();
        _chunks.Clear();
        (_bytes, _directories) = (0, 0);
    }

    private void Add(ChunkId id, long maxLength)
    {
        // What a batch costs is what is read: a small file may be in a large chunk together with others. A chunk that is longer than the
        // file says is refused when it is written, and not worth the memory.
        if (!reader.TryLocate(id, out var location) || location.PlainLength > maxLength || !_chunks.Add(id)) return;
        _bytes += location.StoredLength;
    }
}
