using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class EnvelopeCipherTests : IDisposable
{
    private static readonly byte[] RepositoryId = [.. Enumerable.Repeat((byte)0x11, 16)];
    private static readonly byte[] ChunkData = [1, .. Enumerable.Repeat((byte)0x22, 32)];

    private readonly RootKeys _keys = RootKeysTests.Fixed();

    public static TheoryData<CipherSuite> Suites =>
        ChaCha20Poly1305.IsSupported ? [CipherSuite.Aes256Gcm, CipherSuite.ChaCha20Poly1305] : [CipherSuite.Aes256Gcm];

    /// <summary>Computed by another implementation from docs/format.md: a difference makes existing repositories unreadable.</summary>
    [Theory]
    [InlineData(CipherSuite.Aes256Gcm,
        "877d28a8881df791f985a6adbc4c2a08a9c9eb02a55871a746a9c3e88ebb5a7b08b25edc55e605a6dab1948b24",
        "0f943f74af5773796cff939234b8c500b8db8ce7639da452377ce9f06944f83fd1426d862a46b1595fbde1e0b3a65b")]
    [InlineData(CipherSuite.ChaCha20Poly1305,
        "877d28a8881df791f985a6adbc4c2a08091afacab8509c45f627a44e8127af28227a826206ed41f800f7d4a11a",
        "0f943f74af5773796cff939234b8c500b429b87172d790a71ccbf137cd5e46ae6dd07544ff85802fa2273786d75b7e")]
    public void Envelopes_equal_the_golden_ones(CipherSuite suite, string data, string snapshot)
    {
        Assert.SkipWhen(suite == CipherSuite.ChaCha20Poly1305 && !ChaCha20Poly1305.IsSupported, "this OpenSSL has no ChaCha20-Poly1305: use 1.1 or newer");
        using var cipher = new EnvelopeCipher(_keys, FixedSession(suite), RepositoryId, canSeal: true);
        Assert.Equal(data, Convert.ToHexStringLower(Seal(cipher, EnvelopeType.DataChunk, false, 5, "hello"u8, ChunkData)));
        _ = Seal(cipher, EnvelopeType.PackFooter, false, 0, [], []);
        Assert.Equal(snapshot, Convert.ToHexStringLower(Seal(cipher, EnvelopeType.Snapshot, true, 1000, "payload"u8, [])));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void What_was_sealed_can_be_opened(CipherSuite suite)
    {
        using EnvelopeCipher writer = EnvelopeCipher.CreateSession(_keys, RepositoryId, suite);
        using EnvelopeCipher reader = EnvelopeCipher.OpenSession(_keys, RepositoryId, writer.Identity);
        foreach (EnvelopeType type in Enum.GetValues<EnvelopeType>())
        {
            foreach (var length in new[] { 0, 1, 15, 16, 1000, 1 << 20 })
            {
                var payload = RandomNumberGenerator.GetBytes(length);
                var envelope = Seal(writer, type, compressed: true, 1u << 31, payload, ChunkData);
                Assert.Equal(length + EnvelopeCipher.Overhead, envelope.Length);
                var destination = new byte[envelope.Length - 32];
                OpenedEnvelope opened = reader.Open(envelope, ChunkData, destination);
                Assert.Equal(new OpenedEnvelope(type, true, 1u << 31, length), opened);
                Assert.True(payload.AsSpan().SequenceEqual(opened.Payload(destination)));
            }
        }
    }

    [Fact]
    public void A_payload_already_in_place_gives_the_same_envelope()
    {
        using var first = new EnvelopeCipher(_keys, FixedSession(CipherSuite.Aes256Gcm), RepositoryId, canSeal: true);
        using var second = new EnvelopeCipher(_keys, FixedSession(CipherSuite.Aes256Gcm), RepositoryId, canSeal: true);
        var payload = RandomNumberGenerator.GetBytes(5000);
        var expected = Seal(first, EnvelopeType.TreeChunk, false, 5000, payload, ChunkData);
        var destination = new byte[expected.Length + 10];
        payload.CopyTo(destination, EnvelopeCipher.PayloadOffset);
        var length = second.Seal(
            EnvelopeType.TreeChunk, false, 5000, destination.AsSpan(EnvelopeCipher.PayloadOffset, payload.Length), ChunkData, destination);
        Assert.Equal(expected, destination[..length]);
        Assert.All(destination[length..], value => Assert.Equal(0, value));
    }

    [Fact]
    public void Every_flipped_bit_is_found()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        var envelope = Seal(cipher, EnvelopeType.DataChunk, false, 20, new byte[20], ChunkData);
        var destination = new byte[envelope.Length];
        for (var bit = 0; bit < envelope.Length * 8; bit++)
        {
            envelope[bit / 8] ^= (byte)(1 << (bit % 8));
            var failure = Assert.Throws<EnvelopeException>(() => cipher.Open(envelope, ChunkData, destination)).Failure;
            Assert.Equal(bit < 128 ? EnvelopeFailure.UnknownSession : EnvelopeFailure.NotAuthentic, failure);
            envelope[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(20, cipher.Open(envelope, ChunkData, destination).PayloadLength);
    }

    [Fact]
    public void An_envelope_opens_only_where_it_belongs()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        var envelope = Seal(cipher, EnvelopeType.DataChunk, false, 3, "abc"u8, ChunkData);
        var destination = new byte[100];
        AssertFails(EnvelopeFailure.NotAuthentic, () => cipher.Open(envelope, [], destination));
        AssertFails(EnvelopeFailure.NotAuthentic, () => cipher.Open(envelope, [.. ChunkData, 0], destination));
        byte[] otherChunk = [.. ChunkData];
        otherChunk[^1]++;
        AssertFails(EnvelopeFailure.NotAuthentic, () => cipher.Open(envelope, otherChunk, destination));

        byte[] otherRepository = [.. RepositoryId];
        otherRepository[0]++;
        using EnvelopeCipher foreign = EnvelopeCipher.OpenSession(_keys, otherRepository, cipher.Identity);
        AssertFails(EnvelopeFailure.NotAuthentic, () => foreign.Open(envelope, ChunkData, destination));
        AssertFails(EnvelopeFailure.Truncated, () => cipher.Open(envelope.AsSpan(0, EnvelopeCipher.Overhead - 1), ChunkData, destination));
        AssertFails(EnvelopeFailure.NotAuthentic, () => cipher.Open(envelope.AsSpan(0, envelope.Length - 1), ChunkData, destination));
    }

    [Fact]
    public void Authentic_envelopes_with_a_header_of_no_known_version_are_refused()
    {
        SessionIdentity session = FixedSession(CipherSuite.Aes256Gcm);
        using EnvelopeCipher cipher = EnvelopeCipher.OpenSession(_keys, RepositoryId, session);
        Assert.Equal(EnvelopeType.DataChunk, cipher.Open(SealByHand(session, [1, 0, 0, 0, 2, 0, 0, 0, 9, 9]), [], new byte[10]).Type);
        byte[][] headers =
        [
            [0, 0, 0, 0, 2, 0, 0, 0, 9, 9], // no such type
            [10, 0, 0, 0, 2, 0, 0, 0, 9, 9],
            [6, 0, 0, 0, 2, 0, 0, 0, 9, 9], // a snapshot under the data key
            [1, 2, 0, 0, 2, 0, 0, 0, 9, 9], // no such compression
            [1, 0, 1, 0, 2, 0, 0, 0, 9, 9],
            [1, 0, 0, 1, 2, 0, 0, 0, 9, 9],
            [1, 0, 0, 0, 3, 0, 0, 0, 9, 9], // raw, yet of another length than it says
        ];
        foreach (var inner in headers)
            AssertFails(EnvelopeFailure.InvalidHeader, () => cipher.Open(SealByHand(session, inner), [], new byte[10]));
    }

    [Fact]
    public void No_first_block_repeats_over_many_threads()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        var blocks = new ConcurrentDictionary<string, bool>();
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 500; i++)
            {
                var envelope = Seal(cipher, i % 2 == 0 ? EnvelopeType.DataChunk : EnvelopeType.IndexSegment, false, 3, "abc"u8, []);
                blocks[Convert.ToHexString(envelope.AsSpan(0, 16))] = cipher.Open(envelope, [], new byte[11]).PayloadLength == 3;
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(2000, blocks.Count);
        Assert.All(blocks.Values, Assert.True);
    }

    [Fact]
    public void A_key_refuses_to_seal_more_than_is_safe()
    {
        using var few = new EnvelopeCipher(_keys, FixedSession(CipherSuite.Aes256Gcm), RepositoryId, canSeal: true, maxSeals: 2);
        _ = Seal(few, EnvelopeType.DataChunk, false, 0, [], []);
        _ = Seal(few, EnvelopeType.DataChunk, false, 0, [], []);
        Assert.Throws<SessionExhaustedException>(() => Seal(few, EnvelopeType.DataChunk, false, 0, [], []));
        Assert.Throws<SessionExhaustedException>(() => Seal(few, EnvelopeType.DataChunk, false, 0, [], []));
        _ = Seal(few, EnvelopeType.Snapshot, false, 0, [], []);

        using var small = new EnvelopeCipher(_keys, FixedSession(CipherSuite.Aes256Gcm), RepositoryId, canSeal: true, maxSealedBytes: 100);
        _ = Seal(small, EnvelopeType.DataChunk, false, 80, new byte[80], []);
        Assert.Throws<SessionExhaustedException>(() => Seal(small, EnvelopeType.DataChunk, false, 80, new byte[80], []));
        Assert.Equal(1L << 32, EnvelopeCipher.MaxSeals);
        Assert.Equal(1L << 40, EnvelopeCipher.MaxSealedBytes);
    }

    [Fact]
    public void A_session_opened_for_reading_never_seals()
    {
        using EnvelopeCipher reader = EnvelopeCipher.OpenSession(_keys, RepositoryId, FixedSession(CipherSuite.Aes256Gcm));
        Assert.Throws<InvalidOperationException>(() => Seal(reader, EnvelopeType.DataChunk, false, 0, [], []));
        using EnvelopeCipher first = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        using EnvelopeCipher second = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        Assert.False(first.Salt.SequenceEqual(second.Salt));
    }

    [Fact]
    public void Buffers_that_are_too_small_are_refused_before_anything_is_sealed()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        Assert.Throws<ArgumentException>(() => cipher.Seal(EnvelopeType.DataChunk, false, 3, "abc"u8, [], new byte[42]));
        Assert.Throws<ArgumentException>(() => cipher.Seal(EnvelopeType.DataChunk, false, 3, "abc"u8, new byte[257], new byte[43]));
        Assert.Throws<ArgumentOutOfRangeException>(() => cipher.Seal((EnvelopeType)10, false, 3, "abc"u8, [], new byte[43]));
        Assert.Throws<ArgumentException>(() => EnvelopeCipher.CreateSession(_keys, new byte[15], CipherSuite.Aes256Gcm));
        var envelope = Seal(cipher, EnvelopeType.DataChunk, false, 3, "abc"u8, []);
        Assert.Throws<ArgumentException>(() => cipher.Open(envelope, [], new byte[10]));
    }

    [Fact]
    public void Sealing_and_opening_allocate_nothing()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        var envelope = new byte[1000 + EnvelopeCipher.Overhead];
        var destination = new byte[1000 + EnvelopeCipher.InnerHeaderLength];
        long AllocatedByOneRun()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            cipher.Seal(EnvelopeType.DataChunk, false, 1000, destination.AsSpan(0, 1000), ChunkData, envelope);
            cipher.Open(envelope, ChunkData, destination);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The first run makes the pooled ciphers.
        Assert.NotEqual(0, AllocatedByOneRun());
        Assert.Equal(0, AllocatedByOneRun());
    }

    [Fact]
    public void The_preferred_suite_seals_on_this_machine()
    {
        using EnvelopeCipher cipher = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuiteSelection.Preferred);
        Assert.Equal(43, Seal(cipher, EnvelopeType.DataChunk, false, 3, "abc"u8, []).Length);
    }

    [Fact]
    public void Mutated_envelopes_fail_in_the_documented_way()
    {
        var random = SeededRandom.Create();
        using EnvelopeCipher writer = EnvelopeCipher.CreateSession(_keys, RepositoryId, CipherSuite.Aes256Gcm);
        using var keyring = new SessionKeyring(_keys, RepositoryId);
        Assert.True(keyring.Add(writer.Identity));
        var sound = Seal(writer, EnvelopeType.TreeChunk, true, 500, new byte[300], ChunkData);
        var destination = new byte[sound.Length + 64];
        for (var round = 0; round < 3000; round++)
        {
            byte[] mutated = random.Next(3) switch
            {
                0 => sound[..random.Next(sound.Length)],
                1 => [.. sound, .. new byte[random.Next(1, 64)]],
                _ => [.. sound],
            };
            if (mutated.Length > 0)
                mutated[random.Next(random.Next(2) == 0 ? Math.Min(16, mutated.Length) : mutated.Length)] ^= (byte)random.Next(1, 256);
            Assert.Throws<EnvelopeException>(() => keyring.Open(mutated, ChunkData, destination));
        }
    }

    public void Dispose() => _keys.Dispose();

    private static void AssertFails(EnvelopeFailure failure, Action open) =>
        Assert.Equal(failure, Assert.Throws<EnvelopeException>(open).Failure);

    private static SessionIdentity FixedSession(CipherSuite suite) =>
        new(0, suite, Enumerable.Repeat((byte)0x42, RootKeys.SaltLength).ToArray());

    private static byte[] Seal(
        EnvelopeCipher cipher, EnvelopeType type, bool compressed, uint plainLength, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> associatedData)
    {
        var destination = new byte[payload.Length + EnvelopeCipher.Overhead];
        Assert.Equal(destination.Length, cipher.Seal(type, compressed, plainLength, payload, associatedData, destination));
        return destination;
    }

    // The written format, followed step by step without the code under test: data key, counter 7, any inner text.
    private byte[] SealByHand(SessionIdentity session, byte[] inner)
    {
        using SessionKeys sessionKeys = _keys.DeriveSessionKeys(session.Generation, session.Salt.Span);
        var key = sessionKeys.DataKey.ToArray();
        var first = new byte[16];
        var hash = new byte[32];
        Blake3.Hash(key, hash);
        hash.AsSpan(0, 8).CopyTo(first);
        BinaryPrimitives.WriteUInt64LittleEndian(first.AsSpan(8), 7);
        using Aes aes = Aes.Create();
        aes.Key = _keys.NonceBlockKey.ToArray();
        var encrypted = aes.EncryptEcb(first, PaddingMode.None);
        using var gcm = new AesGcm(key, 16);
        var text = new byte[inner.Length];
        var tag = new byte[16];
        byte[] nonce = [0, 0, 0, 0, .. first[8..]];
        gcm.Encrypt(nonce, inner, text, tag, RepositoryId);
        return [.. encrypted, .. text, .. tag];
    }
}
