using System.Globalization;
using System.Text;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Tests.Compression;
using NodeAgent.Repository.Tests.Snapshots;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Tests.Trees;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Fuzzing;

/// <summary>
/// Every decoder on mutated input. Those that see only authenticated bytes in practice get them without authentication: who has
/// the key is not trusted with the reader's memory either.
/// </summary>
public sealed class DecoderFuzzTests
{
    private const int ManyBytes = 64 << 10;

    private static readonly byte[] RepositoryId = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    private readonly DecoderFuzz _fuzz = new();

    [Fact]
    public void Object_headers()
    {
        var samples = Enum.GetValues<ObjectKind>().Select(kind =>
        {
            var content = new byte[200];
            var session = kind is ObjectKind.Config or ObjectKind.Key or ObjectKind.Parity ? ObjectHeader.NoSession : Session(3);
            new ObjectHeader(kind, session, 136).Write(RepositoryId, content);
            return content;
        }).ToList();
        _fuzz.Run(
            samples, input =>
            {
                var kind = (ObjectKind)(input.Length > 4 ? input[4] : 0);
                var header = ObjectHeader.Read(input, Enum.IsDefined(kind) ? kind : ObjectKind.Index, RepositoryId, input.Length, "object");
                Assert.True(header.BodyLength <= input.Length);
                Assert.Equal(RootKeys.SaltLength, header.Session.Salt.Length);
            }, IsFormat, ManyBytes, 4, 3000);
    }

    [Fact]
    public void Configs()
    {
        using var keys = RootKeys.Create();
        var samples = new[] { RepositoryParameters.Default, SampleBackup.Parameters }
            .Select(parameters => new RepositoryConfig { Id = Convert.ToHexStringLower(RepositoryId), Created = DateTimeOffset.UnixEpoch, Parameters = parameters }.Encode(keys))
            .ToList();
        // The header is the same thing as elsewhere, and what decides is in the JSON: it alone is mutated, and the length made to fit.
        var json = samples.Select(s => s[ObjectHeader.Length..^32]).ToList();
        _fuzz.Run(
            json, input =>
            {
                var content = new byte[ObjectHeader.Length + input.Length + 32];
                new ObjectHeader(ObjectKind.Config, ObjectHeader.NoSession, (uint)input.Length + 32).Write(RepositoryId, content);
                input.CopyTo(content, ObjectHeader.Length);
                Assert.Empty(RepositoryConfig.Parse(content).Parameters.Validate());
            }, IsFormat, ManyBytes, 60, 1500);
        _fuzz.Run(samples, input => RepositoryConfig.Parse(input), IsFormat, ManyBytes, 60, 500);
    }

    [Fact]
    public void Key_objects_and_key_wraps()
    {
        using var keys = RootKeys.Create();
        using var rotated = keys.WithNewGeneration();
        using var secret = TestRepository.Secret();
        var objects = new[] { keys, rotated }.Select(k => KeyObject.Encode(RepositoryId, k, secret, "label", DateTimeOffset.UnixEpoch).Content).ToList();
        _fuzz.Run(objects, input => KeyObject.Open("keys/x", input, RepositoryId, secret).Dispose(), e => IsFormat(e) || e is KeyUnwrapException, ManyBytes, 20, 1500);
        byte[] bound = [1, 2, 3];
        var wraps = new[] { keys, rotated }.Select(k => KeyWrap.Wrap(k, secret, bound)).ToList();
        _fuzz.Run(
            wraps, input =>
            {
                KeyWrap.KindOf(input);
                KeyWrap.Unwrap(input, secret, bound).Dispose();
            }, e => e is KeyUnwrapException, ManyBytes, 20, 1500);
    }

    [Fact]
    public void Root_keys()
    {
        using var keys = RootKeys.Create();
        using var second = keys.WithNewGeneration();
        using var third = second.WithNewGeneration();
        var samples = new[] { keys, second, third }.Select(k =>
        {
            var bytes = new byte[k.SerializedLength];
            k.Serialize(bytes);
            return bytes;
        }).ToList();
        _fuzz.Run(samples, input => RootKeys.Parse(input).Dispose(), e => e is InvalidDataException, ManyBytes, 20, 2000);
    }

    [Fact]
    public void Index_segments()
    {
        var samples = new[] { (Packs: 0, Chunks: 0, Sessions: 1), (Packs: 1, Chunks: 1, Sessions: 1), (Packs: 3, Chunks: 20, Sessions: 3), (Packs: 20, Chunks: 4, Sessions: 2) }.Select(shape =>
        {
            // Some are said to be as large as can be, which leaves room for lengths that no chunk has.
            var packs = Enumerable.Range(0, shape.Packs).Select(p => Pack(shape.Chunks, shape.Sessions)).Select((p, i) => i % 2 == 0 ? p with { Size = uint.MaxValue } : p).ToList();
            return new IndexSegment(packs, [.. Enumerable.Range(0, shape.Packs).Select(_ => Chunk())]).Encode();
        }).ToList();
        _fuzz.Run(
            samples, input =>
            {
                var index = new ChunkIndex();
                foreach (var pack in IndexSegment.Decode(input, "index/delta/x").Packs)
                {
                    index.Add(pack);
                    foreach (var chunk in pack.Chunks) AssertUsable(chunk);
                    foreach (var chunk in pack.Chunks)
                    {
                        Assert.True(index.TryFind(chunk.Id, out var location));
                        Assert.InRange(location.Offset, ObjectHeader.Length, uint.MaxValue);
                        Assert.InRange(location.StoredLength, EnvelopeCipher.Overhead, ChunkEnvelope.MaxLength);
                        Assert.InRange(location.PlainLength, 0, ChunkRepository.MaxChunkLength);
                    }
                }
            }, IsFormat, ManyBytes * 4, 40, 2000);
    }

    [Fact]
    public void Pack_footers()
    {
        var footers = new List<byte[]>();
        var offsets = new Dictionary<int, long>();
        foreach (var (count, padding) in ((int, int)[])[(1, 0), (1, 100), (7, 33), (40, 0)])
        {
            var chunks = Pack(count, 1).Chunks;
            var plain = new byte[PackFooter.LengthOf(count) + padding];
            PackFooter.Encode([chunks[0].Session], chunks, padding, plain);
            footers.Add(plain);
            offsets[plain.Length] = ObjectHeader.Length + chunks.Sum(c => (long)c.StoredLength);
        }

        _fuzz.Run(
            footers, input =>
            {
                // For a changed length any offset that is one of them.
                foreach (var chunk in PackFooter.Decode(input, "data/x/y", offsets.GetValueOrDefault(input.Length, offsets.Values.First()))) AssertUsable(chunk);
            }, IsFormat, ManyBytes, 20, 2500);
        var trailer = new byte[PackFooter.TrailerLength];
        PackFooter.WriteTrailer(1000, trailer);
        _fuzz.Run(
            [trailer], input =>
            {
                Array.Resize(ref input, PackFooter.TrailerLength);
                Assert.InRange(PackFooter.ReadTrailer(input, "data/x/y", 5000), (uint)EnvelopeCipher.Overhead, 5000u - ObjectHeader.Length - PackFooter.TrailerLength);
            }, IsFormat, ManyBytes, 4, 1000);
    }

    [Fact]
    public void Snapshot_manifests()
    {
        var example = SnapshotManifestTests.Example;
        var samples = new[]
        {
            example,
            example with { Owners = new SnapshotOwners { Users = new Dictionary<string, string> { ["0"] = "root" } }, Chunker = new SnapshotChunker("x", 1, 2, 3, 2), Parent = "00" },
        }.Select(m => m.ToJson()).ToList();
        _fuzz.Run(
            samples, input =>
            {
                var manifest = SnapshotManifest.Parse(input, "snap/x");
                Assert.NotNull(manifest.Source.Display);
                new SnapshotFilter { Tags = new Dictionary<string, string> { ["app"] = "db" } }.Matches(manifest);
                manifest.ReadRoot();
                manifest.ToJson();
            }, IsFormat, ManyBytes, 100, 1500);
    }

    [Fact]
    public async Task Directory_pages()
    {
        var generator = new EntryGenerator();
        var shelf = new ChunkShelf();
        await shelf.WriteAsync(generator.Entries(150), EntryGenerator.Directory());
        var pages = shelf.Chunks.Values.Where(p => p.Length < 16 << 10).ToList();
        Assert.Contains(pages, p => p[2] > 0);
        _fuzz.Run(
            pages, input =>
            {
                var page = TreePage.Open(input, default, input.Length > 2 ? input[2] : 0, default, default, null);
                if (page.Level > 0)
                {
                    for (; page.Remaining > 0;) Assert.InRange(page.ReadChild().EntriesBelow, 1UL, (ulong)long.MaxValue);
                }
                else
                {
                    ReadAll(page);
                }
            }, IsFormat, ManyBytes, 60, 2500);
    }

    [Fact]
    public async Task Root_entries_and_inline_directories()
    {
        var generator = new EntryGenerator();
        var shelf = new ChunkShelf();
        var roots = new List<byte[]>();
        foreach (var count in (int[])[0, 1, 3, 40])
        {
            var entries = generator.Entries(count).Where(e => e.ExtendedAttributes.Count == 0 && e.Type != TreeEntryType.SymbolicLink);
            var parameters = new TreeParameters(32 << 10, 64 << 10, 9, 30 << 10);
            roots.Add(RootEntry.Encode(await shelf.WriteAsync(entries, EntryGenerator.Directory(), parameters)));
        }

        Assert.Contains(roots, r => RootEntry.Decode(r).Directory is InlineDirectory);
        _fuzz.Run(
            roots, input =>
            {
                var root = RootEntry.Decode(input);
                if (root.Directory is InlineDirectory inline) ReadAll(TreePage.OpenInline(inline, DeltaBase.Of(root)));
            }, IsFormat, ManyBytes, 60, 2500);
    }

    [Fact]
    public async Task Content_lists()
    {
        var generator = new EntryGenerator();
        var shelf = new ChunkShelf();
        using var writer = new ContentListWriter(shelf.StoreAsync);
        // More than one list can hold, so that there is a list above them wherever the chunks' ids cut.
        foreach (var item in generator.Items(TreeLimits.MaxListItems + 100)) await writer.AddAsync(item, TestContext.Current.CancellationToken);
        Assert.IsType<IndirectList>(await writer.CompleteAsync(TestContext.Current.CancellationToken));
        var lists = shelf.Chunks.Values.ToList();
        Assert.Contains(lists, l => l[2] > 0);
        _fuzz.Run(
            lists, input =>
            {
                var page = new ListPage(input, default, input.Length > 2 ? input[2] : 0, long.MaxValue);
                long sum = 0;
                for (; page.Remaining > 0;)
                {
                    var length = page.Level == 0 ? page.ReadItem().Length : page.ReadChild().Length;
                    Assert.InRange(length, 1, long.MaxValue);
                    sum = checked(sum + length);
                }

                // The length that the file says is not what the list has here.
                if (sum != long.MaxValue) Assert.Throws<RepositoryFormatException>(page.CheckEnd);
            }, IsFormat, ManyBytes, 20, 2500);
    }

    [Theory]
    [InlineData(ZstdImplementation.Native)]
    [InlineData(ZstdImplementation.Managed)]
    public void Zstd_frames_never_write_beyond_the_destination(ZstdImplementation implementation)
    {
        ZstdCodecTests.SkipWithoutLibrary(implementation);
        using var codec = new ZstdCodec(implementation);
        var frames = new List<byte[]>();
        var lengths = new List<int>();
        foreach (var (length, level) in ((int, int)[])[(50, 1), (3000, 3), (70_000, 3), (300_000, 19)])
        {
            var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, length / 4).Select(i => (i * i % 977).ToString("x4", CultureInfo.InvariantCulture))));
            var frame = new byte[ZstdCodec.CompressBound(text.Length)];
            var compressed = codec.Compress(text, frame, level);
            if (compressed == 0) continue;
            frames.Add(frame[..compressed]);
            lengths.Add(text.Length);
        }

        Assert.True(frames.Count >= 3);
        const int guard = 4096;
        var buffer = new byte[lengths.Max() + (2 * guard)];
        var decoded = 0;
        _fuzz.Run(
            frames, input =>
            {
                buffer.AsSpan().Fill(0xA5);
                var length = lengths[_fuzz.Random.Next(lengths.Count)];
                for (var i = 0; i < lengths.Count; i++)
                {
                    if (input.AsSpan().SequenceEqual(frames[i])) length = lengths[i];
                }

                var sound = codec.TryDecompress(input, buffer.AsSpan(guard, length));
                Assert.Equal(-1, buffer.AsSpan(0, guard).IndexOfAnyExcept((byte)0xA5));
                Assert.Equal(-1, buffer.AsSpan(guard + length).IndexOfAnyExcept((byte)0xA5));
                if (!sound) throw new InvalidDataException();
                decoded++;
            }, e => e is InvalidDataException, ManyBytes, 0, 2500);
        Assert.True(decoded >= frames.Count);
    }

    private static bool IsFormat(Exception exception) => exception is RepositoryFormatException;

    private static void ReadAll(TreePage page)
    {
        while (page.TryReadEntry(out var fields))
        {
            var entry = TreeEntryReader.ToEntry(in fields, page.Bytes, page.Origin, page.Offset);
            Assert.Null(TreeLimits.CheckName(entry.Name.Span));
            Assert.True(entry.Size >= 0);
            Assert.True(entry.Content is null or { Length: >= 0 });
            if (entry.Content is not null and not EmptyContent) Assert.Equal(entry.Size, entry.Content.Length);
        }
    }

    private static void AssertUsable(in PackedChunk chunk)
    {
        Assert.True(Enum.IsDefined(chunk.Kind));
        Assert.InRange(chunk.StoredLength, EnvelopeCipher.Overhead, ChunkEnvelope.MaxLength);
        Assert.InRange(chunk.PlainLength, 0, ChunkRepository.MaxChunkLength);
        Assert.Equal(RootKeys.SaltLength, chunk.Session.Salt.Length);
    }

    private PackContents Pack(int chunks, int sessions)
    {
        var list = Enumerable.Range(0, chunks)
            .Select(i => new PackedChunk(Chunk(), (ChunkKind)_fuzz.Random.Next(1, 4), Session((byte)(i % sessions)), _fuzz.Random.Next(EnvelopeCipher.Overhead, 1 << 20), _fuzz.Random.Next(1, 1 << 20)))
            .ToList();
        return new PackContents(new PackId((ulong)_fuzz.Random.NextInt64(), Chunk()), ObjectHeader.Length + list.Sum(c => (long)c.StoredLength) + 500, list);
    }

    private ChunkId Chunk()
    {
        var bytes = new byte[ChunkId.Length];
        _fuzz.Random.NextBytes(bytes);
        return new ChunkId(bytes);
    }

    private static SessionIdentity Session(byte number) => new(number, CipherSuite.Aes256Gcm, Enumerable.Repeat(number, RootKeys.SaltLength).ToArray());
}
