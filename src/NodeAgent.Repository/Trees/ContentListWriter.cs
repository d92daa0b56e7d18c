using System.Collections.Immutable;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Makes the content of a file from its items: direct while they are few, else list chunks that end where the chunks' ids say, so
/// that a change in a large file changes few of them. Adjacent holes become one. Can be used for one file after another; not thread-safe.
/// <code>
/// "L" | u8 version 1 | u8 level | u8 0 | varint count | level 0: items | above: varint length covered, list chunk id (32)
/// </code>
/// </summary>
public sealed class ContentListWriter : IDisposable
{
    internal const byte Magic = (byte)'L';
    internal const byte Version = 1;
    private const int MinItems = 64;
    private const int CutMask = 0xFF;

    private readonly ChunkSink _sink;
    private readonly List<ContentItem> _direct = new(TreeLimits.MaxDirectItems);
    private readonly List<Level> _levels = [];
    private long _hole;

    /// <param name="sink">Stores the list chunks.</param>
    public ContentListWriter(ChunkSink sink) => _sink = sink;

    /// <summary>The bytes covered by the items so far.</summary>
    public long Length { get; private set; }

    /// <summary>Adds the next item of the file.</summary>
    /// <exception cref="ArgumentException">The item has no bytes, or more than a chunk can have.</exception>
    public ValueTask AddAsync(ContentItem item, CancellationToken cancellationToken)
    {
        TreeEntryWriter.RequireItem(item);
        Length = checked(Length + item.Length);
        if (item.IsHole)
        {
            _hole += item.Length;
            return ValueTask.CompletedTask;
        }
        if (_hole == 0)
            return AppendAsync(item, cancellationToken);
        return AppendAfterHoleAsync(item, cancellationToken);
    }

    /// <summary>Stores what is left and returns the file's content. The writer is then ready for the next file.</summary>
    public async ValueTask<FileContent> CompleteAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_hole > 0 && _hole == Length)
                return new WholeHole(Length);
            if (_hole > 0)
                await AppendAsync(ContentItem.Hole(_hole), cancellationToken);
            if (_direct.Count == 0)
                return EmptyContent.Instance;
            if (_direct.Count <= TreeLimits.MaxDirectItems)
                return new ChunkList([.. _direct]);
            for (var level = 0; ; level++)
            {
                var list = _levels[level];
                if (level > 0 && list is { ListsStored: 0, Count: 1 })
                    return new IndirectList(list.LastId, level - 1, Length);
                if (list.Count > 0)
                    await StoreAsync(level, cancellationToken);
            }
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Drops the items of a file that is not completed.</summary>
    public void Reset()
    {
        _direct.Clear();
        _hole = 0;
        Length = 0;
        foreach (var level in _levels)
            level.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var level in _levels)
            level.Buffer.Dispose();
        _levels.Clear();
    }

    private async ValueTask AppendAfterHoleAsync(ContentItem item, CancellationToken cancellationToken)
    {
        var hole = _hole;
        _hole = 0;
        await AppendAsync(ContentItem.Hole(hole), cancellationToken);
        await AppendAsync(item, cancellationToken);
    }

    private async ValueTask AppendAsync(ContentItem item, CancellationToken cancellationToken)
    {
        if (_direct.Count < TreeLimits.MaxDirectItems)
        {
            _direct.Add(item);
            return;
        }
        if (_direct.Count == TreeLimits.MaxDirectItems)
        {
            // The seventeenth item: the list is indirect. The direct list stays at seventeen to remember it.
            foreach (var earlier in _direct)
                await AppendAsync(0, earlier.Length, earlier.Id, earlier.IsHole, cancellationToken);
            _direct.Add(item);
        }
        await AppendAsync(0, item.Length, item.Id, item.IsHole, cancellationToken);
    }

    private async ValueTask AppendAsync(int level, long length, ChunkId id, bool isHole, CancellationToken cancellationToken)
    {
        if (_levels.Count == level)
            _levels.Add(new Level());
        var list = _levels[level];
        list.Add(level, length, id, isHole);
        if (list.Count >= TreeLimits.MaxListItems || (list.Count >= MinItems && !isHole && (id.Prefix & CutMask) == 0))
            await StoreAsync(level, cancellationToken);
    }

    private async ValueTask StoreAsync(int level, CancellationToken cancellationToken)
    {
        var list = _levels[level];
        var id = await _sink(ChunkKind.List, list.Finish(level), cancellationToken);
        var length = list.Length;
        list.ListsStored++;
        list.StartNext();
        await AppendAsync(level + 1, length, id, false, cancellationToken);
    }

    private sealed class Level
    {
        private const int HeaderRoom = 4 + PlaintextBuffer.MaxVarint;

        public Level() => Clear();

        public PlaintextBuffer Buffer { get; } = new(4 << 10);

        public int Count { get; private set; }

        public long Length { get; private set; }

        public long ListsStored { get; set; }

        public ChunkId LastId { get; private set; }

        public void Add(int level, long length, ChunkId id, bool isHole)
        {
            if (level == 0)
            {
                TreeEntryWriter.WriteItem(Buffer, new ContentItem(id, length, isHole));
            }
            else
            {
                Buffer.WriteVarint((ulong)length);
                id.CopyTo(Buffer.Append(ChunkId.Length));
            }
            LastId = id;
            Length += length;
            Count++;
        }

        public ReadOnlyMemory<byte> Finish(int level)
        {
            var start = HeaderRoom - 4 - Varint.Length((ulong)Count);
            var header = Buffer.Bytes[start..];
            header[0] = Magic;
            header[1] = Version;
            header[2] = (byte)level;
            header[3] = 0;
            Varint.Write(header[4..], (ulong)Count);
            return Buffer.Slice(start);
        }

        public void StartNext()
        {
            Buffer.Truncate(0);
            Buffer.Append(HeaderRoom);
            Count = 0;
            Length = 0;
        }

        public void Clear()
        {
            StartNext();
            ListsStored = 0;
        }
    }
}
