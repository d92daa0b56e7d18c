using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>
/// The least that makes a real snapshot of a tree in memory, and reads it back: everything of a backup but the file system.
/// </summary>
internal static class SampleBackup
{
    private const int InlineLimit = 64;

    /// <summary>Bytes of the chunks of a large file.</summary>
    public const int ChunkLength = 4 << 10;

    private static readonly FileTimestamp Time = new(1_700_000_000, 1);

    /// <summary>Small pages and packs, so that little data makes many objects.</summary>
    public static RepositoryParameters Parameters { get; } = TestRepository.Small with { Trees = new TreeParameters(512, 2048, 3, 256) };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<SnapshotId> WriteAsync(ChunkRepository repository, SortedDictionary<string, byte[]> files, WriteSessionOptions? options = null, string path = "/sample", Func<Task>? beforePublish = null)
    {
        await using var session = await repository.BeginSessionAsync(options ?? new WriteSessionOptions(), Cancellation);
        using var lists = new ContentListWriter(StoreAsync);
        var root = await WriteDirectoryAsync("", "");
        var manifest = new SnapshotManifest
        {
            Time = repository.Time.GetUtcNow(),
            Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = path },
            Root = RootEntry.Encode(root),
        };
        if (beforePublish is not null) await beforePublish();
        return await session.PublishAsync(manifest.ToJson(), Cancellation);

        async ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken token) => (await session.StoreAsync(kind, plain, token)).Id;

        async Task<TreeEntry> WriteDirectoryAsync(string prefix, string name)
        {
            using var writer = new DirectoryWriter(StoreAsync, repository.Config.Parameters.Trees, repository.Gear);
            foreach (var child in files.Keys.Where(p => p.StartsWith(prefix, StringComparison.Ordinal)).Select(p => p[prefix.Length..].Split('/')[0]).Distinct().Order(StringComparer.Ordinal))
            {
                await writer.AddAsync(
                    files.TryGetValue(prefix + child, out var content) ? await WriteFileAsync(child, content, prefix == SampleTree.Inline) : await WriteDirectoryAsync($"{prefix}{child}/", child), Cancellation);
            }

            var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = Encoding.UTF8.GetBytes(name), Mode = 0x1ED, Modified = Time, Changed = Time };
            return new TreeEntry { Type = carrier.Type, Name = carrier.Name, Mode = carrier.Mode, Modified = Time, Changed = Time, Directory = await writer.CompleteAsync(carrier, Cancellation) };
        }

        async Task<TreeEntry> WriteFileAsync(string name, byte[] content, bool isInline)
        {
            FileContent stored;
            if (isInline || content.Length is > 0 and <= InlineLimit)
            {
                stored = new InlineContent(content);
            }
            else if (content.Length is > InlineLimit and <= 1000)
            {
                // As a bundle has it: a slice of a chunk that holds more.
                stored = new BundleSlice(await StoreAsync(ChunkKind.Data, (byte[])[1, 2, 3, .. content], Cancellation), 3, content.Length);
            }
            else
            {
                for (var at = 0; at < content.Length; at += ChunkLength)
                {
                    var length = Math.Min(ChunkLength, content.Length - at);
                    await lists.AddAsync(ContentItem.Data(await StoreAsync(ChunkKind.Data, content.AsMemory(at, length), Cancellation), length), Cancellation);
                }

                stored = await lists.CompleteAsync(Cancellation);
            }

            return new TreeEntry { Type = TreeEntryType.RegularFile, Name = Encoding.UTF8.GetBytes(name), Mode = 0x1A4, Modified = Time, Changed = Time, Size = content.Length, Content = stored };
        }
    }

    /// <summary>Everything in a snapshot.</summary>
    public static async Task<SortedDictionary<string, byte[]>> ReadAsync(ChunkRepository repository, SnapshotId id)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        await ReadAsync(repository, id, (path, content) => files.Add(path, content), null);
        return files;
    }

    /// <summary>What can be read of a snapshot, file by file; what cannot is told to <paramref name="failed"/>, or thrown when that is null.</summary>
    public static async Task ReadAsync(ChunkRepository repository, SnapshotId id, Action<string, byte[]> read, Action<string, Exception>? failed)
    {
        var snapshot = await new SnapshotCatalog(repository).GetAsync(id, Cancellation);
        using var chunks = repository.CreateReader();
        var trees = new TreeReader(chunks.Source, repository.Config.Parameters.Trees);
        await ReadDirectoryAsync(snapshot.Manifest.ReadRoot(), "");

        async Task ReadDirectoryAsync(TreeEntry directory, string prefix)
        {
            try
            {
                await foreach (var entry in trees.ReadDirectoryAsync(directory, Cancellation))
                {
                    var path = prefix + Encoding.UTF8.GetString(entry.Name.Span);
                    if (entry.Type == TreeEntryType.Directory) await ReadDirectoryAsync(entry, path + "/");
                    else await ReadFileAsync(entry, path);
                }
            }
            catch (RepositoryException exception) when (failed is not null)
            {
                failed(prefix, exception);
            }
        }

        async Task ReadFileAsync(TreeEntry entry, string path)
        {
            try
            {
                if (entry is { UnreadableContent: true, IsPart: false }) throw new RepositoryException($"{path} is marked as lost");
                var content = new byte[entry.Size];
                switch (entry.Content)
                {
                    case InlineContent inline:
                        inline.Bytes.CopyTo(content);
                        break;
                    case BundleSlice slice:
                        var bundle = await chunks.ReadSharedAsync(ChunkKind.Data, slice.Chunk, TreeLimits.MaxDataChunk, Cancellation);
                        bundle.Slice(slice.Offset, slice.SliceLength).CopyTo(content);
                        break;
                    default:
                        var at = 0;
                        await foreach (var item in trees.ReadContentAsync(entry.Content!, Cancellation))
                        {
                            if (!item.IsHole) Assert.Equal(item.Length, await chunks.ReadAsync(item.Id, ChunkKind.Data, content.AsMemory(at, (int)item.Length), Cancellation));
                            at += (int)item.Length;
                        }

                        Assert.Equal(content.Length, at);
                        break;
                }

                read(path, content);
            }
            catch (RepositoryException exception) when (failed is not null)
            {
                failed(path, exception);
            }
        }
    }
}
