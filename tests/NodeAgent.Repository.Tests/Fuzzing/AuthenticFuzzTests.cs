using System.Text;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Fuzzing;

/// <summary>Envelopes that do not authenticate, and what comes after authentication when the one who sealed them is hostile.</summary>
public sealed class AuthenticFuzzTests : IDisposable
{
    private const int ManyBytes = 64 << 10;

    private readonly TestRepository _test = new();
    private readonly DecoderFuzz _fuzz = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CipherSuite.Aes256Gcm)]
    [InlineData(CipherSuite.ChaCha20Poly1305)]
    public void A_changed_envelope_never_opens(CipherSuite suite)
    {
        using var keys = RootKeys.Create();
        var repository = new byte[EnvelopeCipher.RepositoryIdLength];
        using var cipher = EnvelopeCipher.CreateSession(keys, repository, suite);
        using var keyring = new SessionKeyring(keys, repository);
        Assert.True(keyring.Add(cipher.Identity));
        var samples = new List<byte[]>();
        foreach (var length in (int[])[0, 1, 100, 5000])
        {
            foreach (var type in (EnvelopeType[])[EnvelopeType.DataChunk, EnvelopeType.Snapshot])
            {
                var envelope = new byte[length + EnvelopeCipher.Overhead];
                cipher.Seal(type, false, (uint)length, new byte[length], "bound"u8, envelope);
                samples.Add(envelope);
            }
        }

        _fuzz.Run(
            samples, input =>
            {
                var opened = new byte[Math.Max(input.Length, EnvelopeCipher.Overhead)];
                keyring.Open(input, "bound"u8, opened);
                // A mutation can undo itself; nothing else opens.
                Assert.Contains(samples, s => s.AsSpan().SequenceEqual(input));
            }, e => e is EnvelopeException, ManyBytes, 4, 1500);
    }

    [Fact]
    public async Task A_chunk_that_a_key_holder_sealed_badly_is_refused()
    {
        await using var repository = await _test.InitializeAsync();
        using var keys = await RootKeysAsync(repository);
        using var sealer = new HostileSealer(keys, repository.RepositoryId);
        Assert.True(repository.Keyring.Add(sealer.Identity));
        using var reader = repository.CreateReader();
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("some text that compresses ", 200)));
        var id = repository.ComputeId(ChunkKind.Data, text);
        var location = new ChunkLocation(new PackId(1, id), ObjectHeader.Length, 0, text.Length, ChunkKind.Data);
        var associated = new byte[ChunkEnvelope.AssociatedLength];
        ChunkEnvelope.Associate(ChunkKind.Data, id, associated);
        var (plain, buffer) = (new byte[text.Length], new byte[ChunkReader.Headroom + text.Length]);
        _fuzz.Run(
            Inner(EnvelopeType.DataChunk, text), input =>
            {
                var envelope = sealer.Seal(input, associated, data: true);
                Array.Fill(buffer, (byte)0xA5);
                if (reader.TryDecryptTo(id, ChunkKind.Data, location, envelope, buffer, ChunkReader.Headroom)) Assert.True(buffer.AsSpan(ChunkReader.Headroom).SequenceEqual(text));
                Assert.Equal(-1, buffer.AsSpan(0, ChunkReader.Headroom).IndexOfAnyExcept((byte)0xA5));
                reader.Open(id, ChunkKind.Data, location, envelope, plain);
                // What comes out is what the id names, however it was sealed.
                Assert.True(plain.AsSpan().SequenceEqual(text));
            }, e => e is RepositoryFormatException format && format.ObjectKey == location.Pack.Key, ManyBytes, 8, 2000);
    }

    [Fact]
    public async Task An_object_that_a_key_holder_sealed_badly_is_refused_within_bounded_memory()
    {
        const int maxPlain = 100_000;
        await using var repository = await _test.InitializeAsync();
        using var keys = await RootKeysAsync(repository);
        using var sealer = new HostileSealer(keys, repository.RepositoryId);
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"some\":\"json\"} ", 300)));
        _fuzz.Run(
            Inner(EnvelopeType.Snapshot, text), input =>
            {
                var header = new byte[ObjectHeader.Length];
                new ObjectHeader(ObjectKind.Snapshot, sealer.Identity, (uint)(input.Length + EnvelopeCipher.Overhead - EnvelopeCipher.InnerHeaderLength)).Write(repository.RepositoryId, header);
                byte[] content = [.. header, .. sealer.Seal(input, header, data: false)];
                Assert.InRange(repository.Objects.Open(content, "snap/x", ObjectKind.Snapshot, EnvelopeType.Snapshot, maxPlain).Length, 0, maxPlain);
            }, e => e is RepositoryFormatException { ObjectKey: "snap/x" }, ManyBytes + maxPlain, 8, 1500);
    }

    [Fact]
    public async Task Trees_of_hostile_pages_end_and_are_refused_by_name()
    {
        // Whole snapshots, of which one chunk is mutated and stored under its true id: readers and walks meet it authentic.
        var files = SampleTree.Create(_fuzz.Random, 16 << 10, 5);
        await using var repository = await _test.InitializeAsync(SampleBackup.Parameters);
        var snapshot = await SampleBackup.WriteAsync(repository, files);
        var root = (await new SnapshotCatalog(repository).GetAsync(snapshot, Cancellation)).Manifest.ReadRoot();
        using var reader = repository.CreateReader();
        var parameters = repository.Config.Parameters.Trees;
        var chunks = new Dictionary<ChunkId, byte[]>();
        await foreach (var reference in new TreeWalk(new TreeReader(reader.Source, parameters)).ReferencesAsync(root, (_, e) => throw e, Cancellation))
        {
            if (reference.Kind != ChunkKind.Data) chunks[reference.Id] = (await reader.ReadSharedAsync(reference.Kind, reference.Id, TreeLimits.MaxTreeChunk, Cancellation)).ToArray();
        }

        Assert.True(chunks.Count > 10);
        var samples = chunks.Values.ToList();
        var refused = 0;
        var count = FuzzIterations.OrDefault(400);
        for (var i = 0; i < count; i++)
        {
            var replaced = chunks.Keys.ElementAt(_fuzz.Random.Next(chunks.Count));
            var mutation = _fuzz.Mutator.Mutate([chunks[replaced], samples[_fuzz.Random.Next(samples.Count)]]);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            patience.CancelAfter(TimeSpan.FromSeconds(20));
            try
            {
                var hostile = new TreeReader(ReadAsync, parameters);
                long references = 0;
                await foreach (var _ in new TreeWalk(hostile).ReferencesAsync(root, (_, e) => Refuse(e), patience.Token))
                    Assert.True(++references < 100_000);
                await foreach (var _ in new TreeWalk(hostile).AffectedPathsAsync(root, new HashSet<ChunkId> { replaced }, patience.Token))
                    Assert.True(++references < 200_000);
                await ReadAllAsync(hostile, root, 0, patience.Token);
            }
            catch (Exception exception) when (exception is not RepositoryException)
            {
                Assert.Fail($"iteration {i}: {exception}\nchunk {replaced} became: {Convert.ToHexStringLower(mutation)}");
            }

            ValueTask<ReadOnlyMemory<byte>> ReadAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken token)
            {
                token.ThrowIfCancellationRequested();
                return id == replaced ? new ValueTask<ReadOnlyMemory<byte>>(mutation)
                    : chunks.TryGetValue(id, out var content) ? new ValueTask<ReadOnlyMemory<byte>>(content)
                    : throw new ChunkNotFoundException(id);
            }
        }

        Assert.True(refused > count / 10, $"only {refused} of {count} were refused");

        void Refuse(RepositoryException exception)
        {
            refused++;
            Assert.True(exception is ChunkNotFoundException or RepositoryFormatException, exception.ToString());
        }

        async Task ReadAllAsync(TreeReader tree, TreeEntry directory, int depth, CancellationToken token)
        {
            try
            {
                await foreach (var entry in tree.ReadDirectoryAsync(directory, token))
                {
                    if (entry.Type == TreeEntryType.Directory && depth < 20) await ReadAllAsync(tree, entry, depth + 1, token);
                    if (entry.Content is not (ChunkList or IndirectList)) continue;
                    long sum = 0;
                    await foreach (var item in tree.ReadContentAsync(entry.Content, token)) sum = checked(sum + item.Length);
                    Assert.Equal(entry.Size, sum);
                }
            }
            catch (RepositoryException exception)
            {
                Refuse(exception);
            }
        }
    }

    public void Dispose() => _test.Dispose();

    /// <summary>The inner header and payload of envelopes: plain, compressed, and of other types.</summary>
    private static List<byte[]> Inner(EnvelopeType type, byte[] text)
    {
        using var codec = new ZstdCodec();
        var packed = new byte[text.Length];
        var length = codec.Compress(text, packed, 3);
        Assert.True(length > 0);
        return [[.. Header(false), .. text], [.. Header(true), .. packed[..length]]];

        byte[] Header(bool compressed) => [(byte)type, compressed ? (byte)1 : (byte)0, 0, 0, .. BitConverter.GetBytes((uint)text.Length)];
    }

    private static async Task<RootKeys> RootKeysAsync(ChunkRepository repository)
    {
        var key = Assert.Single(repository.Store.ListAsync(KeyObject.Prefix, Cancellation).ToBlockingEnumerable(Cancellation)).Key;
        using var secret = TestRepository.Secret();
        return KeyObject.Open(key, await repository.Store.ReadAllAsync(key, KeyObject.MaxLength, Cancellation), repository.RepositoryId, secret);
    }
}
