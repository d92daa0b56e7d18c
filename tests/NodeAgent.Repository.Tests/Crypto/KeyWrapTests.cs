using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class KeyWrapTests
{
    private static readonly Argon2Parameters Cheap = new(64, 1, 1);
    private static readonly byte[] Place = "key object"u8.ToArray();

    /// <summary>Computed by another implementation: a difference locks people out of their repositories.</summary>
    [Fact]
    public void The_golden_wrap_can_be_unwrapped()
    {
        var wrap = Convert.FromHexString(
            "01010000000000000000000000000000" + string.Concat(Enumerable.Repeat("55", 32)) + string.Concat(Enumerable.Repeat("66", 12))
            + "712efbc7097d168e36de0f51320bc79b444032eec9812e155911a6ed0c7e4065f6f694807aab18d308d1d273dbaa9658d9ecb4f4");
        using RepositorySecret secret = RepositorySecret.FromKey([.. Enumerable.Repeat((byte)0x77, 32)]);
        using RootKeys keys = KeyWrap.Unwrap(wrap, secret, Place);
        using RootKeys expected = RootKeysTests.Fixed();
        Assert.Equal(expected.DataChunkIdKey, keys.DataChunkIdKey);
        Assert.Equal(RepositorySecretKind.RawKey, KeyWrap.KindOf(wrap));
    }

    [Fact]
    public void A_raw_key_unwraps_what_it_wrapped()
    {
        using RootKeys keys = RootKeys.Create().WithNewGeneration();
        using RepositorySecret secret = RepositorySecret.FromKey(Key(1));
        var wrap = KeyWrap.Wrap(keys, secret, Place);
        using RootKeys unwrapped = KeyWrap.Unwrap(wrap, secret, Place);
        Assert.Equal(Serialized(keys), Serialized(unwrapped));
        Assert.NotEqual(wrap, KeyWrap.Wrap(keys, secret, Place));
    }

    [Fact]
    public void A_passphrase_unwraps_what_it_wrapped()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed: apt-get install libargon2-1");
        using RootKeys keys = RootKeys.Create();
        using RepositorySecret secret = RepositorySecret.FromPassphrase("correct horse battery staple");
        using RepositorySecret sameFromFile = RepositorySecret.FromPassphrase("correct horse battery staple\n"u8);
        using RepositorySecret other = RepositorySecret.FromPassphrase("correct horse battery stapler");
        foreach (Argon2Parameters? cost in new Argon2Parameters?[] { Cheap, null })
        {
            var wrap = KeyWrap.Wrap(keys, secret, Place, cost);
            Assert.Equal(RepositorySecretKind.Passphrase, KeyWrap.KindOf(wrap));
            using RootKeys unwrapped = KeyWrap.Unwrap(wrap, sameFromFile, Place);
            Assert.Equal(Serialized(keys), Serialized(unwrapped));
            AssertFails(KeyUnwrapFailure.WrongSecret, wrap, other, Place);
        }
    }

    [Fact]
    public void Wrong_secrets_and_places_are_refused()
    {
        using RootKeys keys = RootKeys.Create();
        using RepositorySecret secret = RepositorySecret.FromKey(Key(1));
        using RepositorySecret other = RepositorySecret.FromKey(Key(2));
        using RepositorySecret passphrase = RepositorySecret.FromPassphrase("passphrase");
        var wrap = KeyWrap.Wrap(keys, secret, Place);
        AssertFails(KeyUnwrapFailure.WrongSecret, wrap, other, Place);
        AssertFails(KeyUnwrapFailure.WrongSecret, wrap, secret, [.. Place, 0]);
        AssertFails(KeyUnwrapFailure.OtherKind, wrap, passphrase, Place);
    }

    [Fact]
    public void Costs_are_bounded_before_memory_is_taken()
    {
        using RootKeys keys = RootKeys.Create();
        using RepositorySecret raw = RepositorySecret.FromKey(Key(1));
        using RepositorySecret passphrase = RepositorySecret.FromPassphrase("passphrase");
        var wrap = KeyWrap.Wrap(keys, raw, Place);
        wrap[4] = 1;
        AssertFails(KeyUnwrapFailure.CostOutOfBounds, wrap, raw, Place);

        wrap[1] = (byte)RepositorySecretKind.Passphrase;
        foreach ((uint memory, uint passes, uint lanes) in new[] { (uint.MaxValue, 1u, 1u), (64u, uint.MaxValue, 1u), (1u << 20, 1u, 17u), (0u, 0u, 0u) })
        {
            BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(4), memory);
            BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(8), passes);
            BinaryPrimitives.WriteUInt32LittleEndian(wrap.AsSpan(12), lanes);
            AssertFails(KeyUnwrapFailure.CostOutOfBounds, wrap, passphrase, Place);
        }
    }

    [Fact]
    public void Mutated_wraps_fail_in_the_documented_way()
    {
        var random = SeededRandom.Create();
        using RootKeys keys = RootKeys.Create();
        using RepositorySecret secret = RepositorySecret.FromKey(Key(1));
        var sound = KeyWrap.Wrap(keys, secret, Place);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 3000; round++)
        {
            byte[] mutated = random.Next(3) switch
            {
                0 => sound[..random.Next(sound.Length)],
                1 => [.. sound, .. new byte[random.Next(1, 100)]],
                _ => [.. sound],
            };
            if (mutated.Length > 0)
                mutated[random.Next(mutated.Length)] ^= (byte)random.Next(1, 256);
            Assert.Throws<KeyUnwrapException>(() => KeyWrap.Unwrap(mutated, secret, Place));
        }

        // A few KiB a round for the buffers and the exception; nothing that grows with what the input claims.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 3000L * 64 * 1024);
        AssertFails(KeyUnwrapFailure.Malformed, new byte[1 << 20], secret, Place);
        Assert.Null(KeyWrap.KindOf([]));
        Assert.Null(KeyWrap.KindOf(new byte[112]));
    }

    private static void AssertFails(KeyUnwrapFailure failure, byte[] wrap, RepositorySecret secret, byte[] place) =>
        Assert.Equal(failure, Assert.Throws<KeyUnwrapException>(() => KeyWrap.Unwrap(wrap, secret, place)).Failure);

    private static byte[] Key(byte value) => [.. Enumerable.Repeat(value, 32)];

    private static byte[] Serialized(RootKeys keys)
    {
        var serialized = new byte[keys.SerializedLength];
        keys.Serialize(serialized);
        return serialized;
    }
}
