using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>Objects of version 1 are read as they were written, and written again they are the same bytes.</summary>
public sealed class GoldenObjectTests : IAsyncLifetime
{
    private const string TextId = "5f0580fffc41696976a6c521611621a05203ae46e0f039432306db7e482e3ff5";
    private const string RandomId = "3e43e6ea8f14409d8eb9ddf696dd8a50ded14f9ca093d73df286aa719df9041a";
    private const string ByteId = "6eae52b728f3038a6b595cff423767e43fbd264073a09f6f21d72bc4e51d30ea";
    private const string PageId = "74615901bddeb7342a2c2dbe43c044c6125bd80798240d9c2c1c6d5298ca13d3";
    private const string ListId = "b315182eff1364b1dab1f4059c3bff86f245a345597984502fc5c2ed386f0527";

    private ChunkRepository _repository = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _repository = await GoldenFiles.OpenAsync(GoldenFiles.Read(GoldenFiles.Config), GoldenFiles.Read(GoldenFiles.RawKeyObject), Cancellation);

    public ValueTask DisposeAsync() => _repository.DisposeAsync();

    [Fact]
    public void The_config_is_read_and_written_again()
    {
        var content = GoldenFiles.Read(GoldenFiles.Config);
        var config = RepositoryConfig.Parse(content);
        Assert.Equal("000102030405060708090a0b0c0d0e0f", config.Id);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), config.Created);
        var parameters = config.Parameters;
        Assert.Equal(new ChunkerParameters(524288, 1048576, 4194304, 2), parameters.Chunker);
        Assert.Equal(new TreeParameters(16384, 262144, 9, 2048), parameters.Trees);
        Assert.Equal(new BundleParameters(16384, 131072, 1048576, 4), parameters.Bundles);
        Assert.Equal((512, 16777216), (parameters.InlineFileLimit, parameters.PackTarget));

        using var keys = RootKeys.Parse(GoldenFiles.RootKeys);
        Assert.True(RepositoryConfig.IsAuthentic(content, keys));
        Assert.Equal(content, config.Encode(keys));
    }

    [Fact]
    public void A_raw_key_opens_its_key_object()
    {
        var content = GoldenFiles.Read(GoldenFiles.RawKeyObject);
        Assert.Equal(1_767_323_045, BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(64)));
        Assert.Equal("golden raw key", Encoding.UTF8.GetString(content.AsSpan(74, content[72])));
        using var secret = GoldenFiles.Secret();
        using var keys = KeyObject.Open("keys/golden", content, GoldenFiles.RepositoryId, secret);
        AssertRootKeys(keys);
        using var other = RepositorySecret.FromKey(new byte[32]);
        Assert.Equal(KeyUnwrapFailure.WrongSecret, Assert.Throws<KeyUnwrapException>(() => KeyObject.Open("keys/golden", content, GoldenFiles.RepositoryId, other)).Failure);
    }

    [Fact]
    public void A_passphrase_opens_its_key_object()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed");
        var content = GoldenFiles.Read(GoldenFiles.PassphraseKeyObject);
        Assert.Equal("gölden", Encoding.UTF8.GetString(content.AsSpan(74, content[72])));
        var wrap = content.AsSpan(74 + content[72]);
        Assert.Equal(RepositorySecretKind.Passphrase, KeyWrap.KindOf(wrap));
        Assert.Equal((64u, 1u, 1u), (BinaryPrimitives.ReadUInt32LittleEndian(wrap[4..]), BinaryPrimitives.ReadUInt32LittleEndian(wrap[8..]), BinaryPrimitives.ReadUInt32LittleEndian(wrap[12..])));
        using var secret = RepositorySecret.FromPassphrase("golden passphrase");
        using var keys = KeyObject.Open("keys/golden", content, GoldenFiles.RepositoryId, secret);
        AssertRootKeys(keys);
        using var raw = GoldenFiles.Secret();
        Assert.Equal(KeyUnwrapFailure.OtherKind, Assert.Throws<KeyUnwrapException>(() => KeyObject.Open("keys/golden", content, GoldenFiles.RepositoryId, raw)).Failure);
    }

    [Fact]
    public void A_pack_of_data_is_read_and_sealed_again()
    {
        var content = GoldenFiles.Read(GoldenFiles.DataPack);
        var chunks = ReadPack(content, CipherSuite.Aes256Gcm, 0x11);
        Assert.Equal([(ChunkKind.Data, TextId), (ChunkKind.Data, RandomId), (ChunkKind.Data, ByteId)], chunks.Select(c => (c.Chunk.Kind, c.Chunk.Id.ToString())));
        Assert.Equal([true, false, false], chunks.Select(c => c.Compressed));
        Assert.Equal(string.Concat(Enumerable.Repeat("golden text that compresses\n", 100)), Encoding.ASCII.GetString(chunks[0].Plain));
        Assert.Equal(GoldenTree.Random("chunk", 1000), chunks[1].Plain);
        Assert.Equal("x"u8.ToArray(), chunks[2].Plain);
        Assert.Equal([TextId, RandomId, ByteId], chunks.Select(c => _repository.ComputeId(ChunkKind.Data, c.Plain).ToString()));
        Assert.Equal(content, SealPackAgain(content, chunks));
    }

    [Fact]
    public async Task A_pack_of_a_page_and_a_list_is_read_and_sealed_again()
    {
        var content = GoldenFiles.Read(GoldenFiles.TreePack);
        var chunks = ReadPack(content, CipherSuite.ChaCha20Poly1305, 0x22);
        Assert.Equal([(ChunkKind.Tree, PageId), (ChunkKind.List, ListId)], chunks.Select(c => (c.Chunk.Kind, c.Chunk.Id.ToString())));
        Assert.Equal([PageId, ListId], chunks.Select(c => _repository.ComputeId(c.Chunk.Kind, c.Plain).ToString()));
        Assert.Equal(content, SealPackAgain(content, chunks));

        var reader = new TreeReader((_, id, _, _) => new ValueTask<ReadOnlyMemory<byte>>(chunks.Single(c => c.Chunk.Id == id).Plain), TreeParameters.Default);
        var directory = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0, Directory = new PagedDirectory(chunks[0].Chunk.Id, 0) };
        var read = await reader.ReadDirectoryAsync(directory, Cancellation).ToListAsync(Cancellation);
        // Written out here once more, so that a change of the files' maker alone changes no expectation.
        Assert.Equal(
        [
            "Directory a directory", "Directory a directory of pages", "RegularFile a file in a bundle", "RegularFile a file in an entry", "RegularFile a file of a hole",
            "RegularFile a file of items", "RegularFile a file of lists", "SymbolicLink a link", "Fifo a pipe", "Socket a socket", "BlockDevice block", "RegularFile caf\u00e9", "CharacterDevice character",
        ], read.Select(entry => $"{entry.Type} {Encoding.Latin1.GetString(entry.Name.Span)}"));
        Assert.Equal(3, Assert.IsType<PagedDirectory>(read[1].Directory).Level);
        Assert.Equal(new BundleSlice(Id(RandomId), 500, 7), read[2].Content);
        Assert.Equal(new InlineContent("abc"u8.ToArray()), read[3].Content);
        Assert.Equal((0x1A4u, 1000u, 100u, 4711ul), (read[3].Mode, read[3].UserId, read[3].GroupId, read[3].Inode));
        Assert.Equal(new FileTimestamp(1_767_323_045, 678_900_001), read[3].Modified);
        Assert.Equal(new WholeHole(1L << 40), read[4].Content);
        Assert.Equal(new ChunkList([ContentItem.Data(Id(TextId), 2800), ContentItem.Hole(8000), ContentItem.Data(Id(RandomId), 1000), ContentItem.Data(Id(ByteId), 1)]), read[5].Content);
        var lists = Assert.IsType<IndirectList>(read[6].Content);
        Assert.Equal((2, 1L << 33), (lists.Level, lists.Length));
        Assert.Equal("../elsewhere", Encoding.UTF8.GetString(read[7].LinkTarget.Span));
        Assert.Equal((new FileTimestamp(-1, 999_999_999), ulong.MaxValue), (read[8].Modified, read[8].Inode));
        Assert.Equal((8u, 1u), (read[10].DeviceMajor, read[10].DeviceMinor));
        Assert.Equal((1u, uint.MaxValue), (read[12].DeviceMajor, read[12].DeviceMinor));
        var full = read[11];
        Assert.Equal((0x9EDu, uint.MaxValue, 0u, 1ul, 300ul, 0x30u), (full.Mode, full.UserId, full.GroupId, full.Inode, full.HardLinkDevice!.Value, full.InodeFlags));
        Assert.Equal((new FileTimestamp(long.MinValue, 0), new FileTimestamp(long.MaxValue, 1), new FileTimestamp(-62135596800, 5)), (full.Modified, full.Changed, full.Birth!.Value));
        Assert.Equal((true, true, 12345L), (full.ChangedWhileRead, full.UnreadableContent, full.Size));
        Assert.Equal(["security.capability 01000002", "user.empty ", $"user.large {TextId} 2800"], full.ExtendedAttributes.Select(a =>
            $"{Encoding.UTF8.GetString(a.Name.Span)} {(a.Chunk is { } chunk ? $"{chunk} {a.Length}" : Convert.ToHexStringLower(a.Value.Span))}"));

        var items = await reader.ReadContentAsync(new IndirectList(chunks[1].Chunk.Id, 0, GoldenObjects.Items(_repository).Sum(i => i.Length)), Cancellation).ToListAsync(Cancellation);
        Assert.Equal(20, items.Count);
        Assert.Equal([3, 7, 11, 15, 19], items.Index().Where(i => i.Item.IsHole).Select(i => i.Index));
        Assert.Equal(GoldenObjects.Items(_repository), items);

        // Entries and items, written again, are the same page and the same list.
        var written = new List<byte[]>();
        using var writer = new DirectoryWriter(KeepAsync, new TreeParameters(512, 256 << 10, 9, 0), _repository.Gear);
        foreach (var entry in read) await writer.AddAsync(entry, Cancellation);
        await writer.CompleteAsync(directory, Cancellation);
        using var list = new ContentListWriter(KeepAsync);
        foreach (var item in items) await list.AddAsync(item, Cancellation);
        await list.CompleteAsync(Cancellation);
        Assert.Equal(chunks.Select(c => c.Plain), written);

        ValueTask<ChunkId> KeepAsync(ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken token)
        {
            written.Add(plain.ToArray());
            return new ValueTask<ChunkId>(_repository.ComputeId(kind, plain.Span));
        }
    }

    [Fact]
    public void An_index_segment_is_read_and_sealed_again()
    {
        var (content, plain) = Open(GoldenFiles.IndexSegment, ObjectKind.Index, EnvelopeType.IndexSegment, 0x33);
        var segment = IndexSegment.Decode(plain, GoldenFiles.IndexSegment);
        Assert.Equal([new ChunkId(GoldenFiles.Salt(0x77))], segment.Superseded);
        Assert.Equal(2, segment.Packs.Count);
        foreach (var (pack, file, session, ids) in new[]
        {
            (segment.Packs[0], GoldenFiles.DataPack, "1111111111111111", new[] { TextId, RandomId, ByteId }),
            (segment.Packs[1], GoldenFiles.TreePack, "2222222222222222", new[] { PageId, ListId }),
        })
        {
            var packContent = GoldenFiles.Read(file);
            Assert.Equal($"data/{session}/{HashOf(packContent)}", pack.Pack.Key);
            Assert.Equal(packContent.Length, pack.Size);
            // A segment holds the first 20 bytes of an id.
            Assert.Equal(ids.Select(id => id[..40] + new string('0', 24)), pack.Chunks.Select(chunk => chunk.Id.ToString()));
        }

        Assert.Equal([2800, 1000, 1], segment.Packs[0].Chunks.Select(c => c.PlainLength));
        Assert.Equal([1040, 41], segment.Packs[0].Chunks.Skip(1).Select(c => c.StoredLength));
        Assert.All(segment.Packs[1].Chunks, c => Assert.Equal((CipherSuite.ChaCha20Poly1305, (ushort)1), (c.Session.Suite, c.Session.Generation)));
        Assert.Equal(plain, segment.Encode());
        Assert.Equal(content, SealAgain(content));
    }

    [Fact]
    public void A_snapshot_is_read_and_sealed_again()
    {
        var (content, plain) = Open(GoldenFiles.Snapshot, ObjectKind.Snapshot, EnvelopeType.Snapshot, 0x44);
        var manifest = SnapshotManifest.Parse(plain, GoldenFiles.Snapshot);
        Assert.Equal(1, manifest.Version);
        Assert.Equal((GoldenFiles.Time, GoldenFiles.Time.AddSeconds(90)), (manifest.Time, manifest.Completed!.Value));
        Assert.Equal(("nodeagent 0.1.0", "golden-host", "golden-user"), (manifest.Program, manifest.Hostname, manifest.Username));
        var source = manifest.Source;
        Assert.Equal(("pod-volume", "/var/lib/kubelet/pods/1/volumes/data", "shop", "db-0"), (source.Kind, source.Path, source.Namespace, source.Pod));
        Assert.Equal(("5f1c", "data", "db-data", "node-1"), (source.PodUid, source.Volume, source.Pvc, source.Node));
        Assert.Equal([new KeyValuePair<string, string>("backup", "nightly")], manifest.Tags);
        Assert.Equal(new string('b', 64), manifest.Parent);
        Assert.Equal(new SnapshotChunker("gear64-fastcdc", 524288, 1048576, 4194304, 2), manifest.Chunker);
        Assert.Equal((SnapshotOutcome.PartiallyFailed, true, 1L), (manifest.Outcome, manifest.Partial, manifest.IssueCount));
        Assert.Equal(new SnapshotStatistics { Files = 1, Directories = 2, Symlinks = 3, Others = 4, Bytes = 5, NewBytes = 6, StoredBytes = 7, UnchangedFiles = 8, NewFiles = 9, ChangedFiles = 10 }, manifest.Stats);
        var issue = Assert.Single(manifest.Issues);
        Assert.Equal(("63e9", "c\\xe9", "open", "Permission denied"), (Convert.ToHexStringLower(issue.Path), issue.Display, issue.Operation, issue.Error));
        Assert.Equal(("root", "root"), (manifest.Owners!.Users["0"], manifest.Owners.Groups["0"]));
        var root = manifest.ReadRoot();
        Assert.Equal((0x1EDu, 2ul, new FileTimestamp(1_767_323_045, 0)), (root.Mode, root.Inode, root.Modified));
        Assert.IsType<EmptyDirectory>(root.Directory);
        Assert.Equal(plain, manifest.ToJson());
        Assert.Equal(content, SealAgain(content));
    }

    [Fact]
    public void A_forget_mark_is_read_and_sealed_again()
    {
        var (content, plain) = Open(GoldenFiles.ForgetMark, ObjectKind.Forget, EnvelopeType.Forget, 0x55);
        var mark = JsonSerializer.Deserialize(plain, SnapshotJson.Default.ForgetRecord)!;
        Assert.Equal(new ForgetRecord(new string('a', 64), GoldenFiles.Time, "too old"), mark);
        Assert.Equal(plain, JsonSerializer.SerializeToUtf8Bytes(mark, SnapshotJson.Default.ForgetRecord));
        Assert.Equal(content, SealAgain(content));
    }

    [Fact]
    public void A_session_record_is_read_and_sealed_again()
    {
        var (content, plain) = Open(GoldenFiles.SessionRecord, ObjectKind.Session, EnvelopeType.SessionRecord, 0x66);
        var record = JsonSerializer.Deserialize(plain, RepositoryJson.Default.SessionRecord)!;
        Assert.Equal(new SessionRecord(GoldenFiles.Time, "nodeagent 0.1.0", "golden-host"), record);
        Assert.Equal(plain, JsonSerializer.SerializeToUtf8Bytes(record, RepositoryJson.Default.SessionRecord));
        Assert.Equal(content, SealAgain(content));
    }

    [Fact]
    public void Every_bit_of_a_sealed_object_is_checked()
    {
        foreach (var (name, kind, type) in new[]
        {
            (GoldenFiles.ForgetMark, ObjectKind.Forget, EnvelopeType.Forget),
            (GoldenFiles.SessionRecord, ObjectKind.Session, EnvelopeType.SessionRecord),
        })
        {
            var content = GoldenFiles.Read(name);
            for (var bit = 0; bit < content.Length * 8; bit++)
            {
                content[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Throws<RepositoryFormatException>(() => _repository.Objects.Open(content, name, kind, type, 1 << 16));
                content[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    private static void AssertRootKeys(RootKeys keys)
    {
        Assert.Equal([(ushort)0, (ushort)1], keys.Generations);
        var serialized = new byte[keys.SerializedLength];
        keys.Serialize(serialized);
        Assert.Equal("0200" + "0000" + string.Concat(Enumerable.Repeat("40", 32)) + "0100" + string.Concat(Enumerable.Repeat("41", 32)), Convert.ToHexStringLower(serialized));
    }

    private static ChunkId Id(string hex) => ChunkId.TryParse(hex, out var id) ? id : throw new ArgumentException(hex);

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    private (byte[] Content, byte[] Plain) Open(string name, ObjectKind kind, EnvelopeType type, byte salt)
    {
        var content = GoldenFiles.Read(name);
        var header = ObjectHeader.Read(content, kind, GoldenFiles.RepositoryId, content.Length, name);
        Assert.Equal(((ushort)1, CipherSuite.Aes256Gcm), (header.Session.Generation, header.Session.Suite));
        Assert.Equal(GoldenFiles.Salt(salt), header.Session.Salt.ToArray());
        return (content, _repository.Objects.Open(content, name, kind, type, 1 << 20));
    }

    /// <summary>Header and envelope of what an object's envelope holds. The payload is taken as it is: zstd's bytes are of its version.</summary>
    private byte[] SealAgain(byte[] content)
    {
        var opened = new byte[content.Length];
        var result = _repository.Keyring.Open(content.AsSpan(ObjectHeader.Length), content.AsSpan(0, ObjectHeader.Length), opened);
        var header = ObjectHeader.Read(content, (ObjectKind)content[4], GoldenFiles.RepositoryId, content.Length, "golden");
        using var cipher = _repository.CreateCipher(header.Session.Suite, header.Session.Salt.ToArray());
        var again = new byte[content.Length];
        new ObjectHeader(header.Kind, cipher.Identity, (uint)(result.PayloadLength + EnvelopeCipher.Overhead)).Write(GoldenFiles.RepositoryId, again);
        cipher.Seal(result.Type, result.Compressed, result.PlainLength, result.Payload(opened), again.AsSpan(0, ObjectHeader.Length), again.AsSpan(ObjectHeader.Length));
        return again;
    }

    private List<(PackedChunk Chunk, byte[] Payload, bool Compressed, byte[] Plain)> ReadPack(byte[] content, CipherSuite suite, byte salt)
    {
        var header = ObjectHeader.Read(content, ObjectKind.Pack, GoldenFiles.RepositoryId, content.Length, "golden pack");
        Assert.Equal(((ushort)1, suite), (header.Session.Generation, header.Session.Suite));
        Assert.Equal(GoldenFiles.Salt(salt), header.Session.Salt.ToArray());
        Assert.True(_repository.Keyring.Add(header.Session));
        var length = (int)PackFooter.ReadTrailer(content.AsSpan(content.Length - PackFooter.TrailerLength), "golden pack", content.Length);
        Assert.Equal((uint)length, header.BodyLength);
        var footerOffset = content.Length - PackFooter.TrailerLength - length;
        var opened = new byte[content.Length];
        var footer = _repository.Keyring.Open(content.AsSpan(footerOffset, length), PackFooter.AssociatedData(content, footerOffset), opened);
        Assert.Equal((EnvelopeType.PackFooter, false), (footer.Type, footer.Compressed));

        var chunks = new List<(PackedChunk, byte[], bool, byte[])>();
        var offset = ObjectHeader.Length;
        using var codec = new ZstdCodec();
        using var managed = new ZstdCodec(ZstdImplementation.Managed);
        var associated = new byte[ChunkEnvelope.AssociatedLength];
        foreach (var chunk in PackFooter.Decode(footer.Payload(opened).ToArray(), "golden pack", footerOffset))
        {
            ChunkEnvelope.Associate(chunk.Kind, chunk.Id, associated);
            var result = _repository.Keyring.Open(content.AsSpan(offset, chunk.StoredLength), associated, opened);
            Assert.Equal((ChunkEnvelope.TypeOf(chunk.Kind), (uint)chunk.PlainLength), (result.Type, result.PlainLength));
            var payload = result.Payload(opened).ToArray();
            var plain = payload;
            if (result.Compressed)
            {
                codec.Decompress(payload, plain = new byte[chunk.PlainLength]);
                var again = new byte[chunk.PlainLength];
                managed.Decompress(payload, again);
                Assert.Equal(plain, again);
            }

            chunks.Add((chunk, payload, result.Compressed, plain));
            offset += chunk.StoredLength;
        }

        return chunks;
    }

    private byte[] SealPackAgain(byte[] content, List<(PackedChunk Chunk, byte[] Payload, bool Compressed, byte[] Plain)> chunks)
    {
        var session = chunks[0].Chunk.Session;
        using var cipher = _repository.CreateCipher(session.Suite, session.Salt.ToArray());
        var builder = new PackBuilder(new PageBuffer(1 << 20), 1 << 20, cipher.Identity);
        var associated = new byte[ChunkEnvelope.AssociatedLength];
        foreach (var (chunk, payload, compressed, _) in chunks)
        {
            ChunkEnvelope.Associate(chunk.Kind, chunk.Id, associated);
            var envelope = new byte[payload.Length + EnvelopeCipher.Overhead];
            cipher.Seal(ChunkEnvelope.TypeOf(chunk.Kind), compressed, (uint)chunk.PlainLength, payload, associated, envelope);
            builder.Add(envelope, chunk);
        }

        var pack = builder.Complete(cipher, GoldenFiles.RepositoryId, BinaryPrimitives.ReadUInt64BigEndian(session.Salt.Span));
        Assert.Equal(HashOf(content), pack.Contents.Pack.Hash);
        return pack.Bytes.ToArray();
    }
}
