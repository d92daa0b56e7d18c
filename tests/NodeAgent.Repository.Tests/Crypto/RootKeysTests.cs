using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class RootKeysTests
{
    /// <summary>One generation whose key is the bytes 0 to 31.</summary>
    public static RootKeys Fixed() => RootKeys.Parse([1, 0, 0, 0, .. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    [Fact]
    public void Derived_keys_equal_the_golden_ones()
    {
        using RootKeys keys = Fixed();
        Assert.Equal("1d56d93972f1a8a65ea8799ede878ed76f7e1705ae5c3da1e40c01a58f7f19ae", Convert.ToHexStringLower(keys.DataChunkIdKey));
        Assert.Equal("ac452084927f2ca236c5cf86c40d87b397d65a5251420ab55b9952607e417a22", Convert.ToHexStringLower(keys.TreeChunkIdKey));
        Assert.Equal("8be54d5f86dad63348b56b5ac4498547a70ad07b0cfc0d1c8271ba00f0319630", Convert.ToHexStringLower(keys.ListChunkIdKey));
        Assert.Equal("207d8910d2f12836ebf322203a9c987790b4d423157a239908a5f29125c14749", Convert.ToHexStringLower(keys.ChunkerKey));
        Assert.Equal("94b5cb9ebd0b3fa57e5dd51395b94253bbe7a94a28d0d007ae2c67313b000d3c", Convert.ToHexStringLower(keys.NonceBlockKey));
        Assert.Equal("8a9c95cc509bb6b17130948ff4afddb7260ccf17e33eb4b18cac95ef11258c93", Convert.ToHexStringLower(keys.ConfigMacKey));
    }

    [Fact]
    public void Rotation_keeps_ids_and_boundaries_and_changes_session_keys()
    {
        using RootKeys keys = RootKeys.Create();
        using RootKeys rotated = keys.WithNewGeneration();
        Assert.Equal([0, 1], rotated.Generations);
        Assert.Equal(1, rotated.CurrentGeneration);
        Assert.Equal(keys.DataChunkIdKey, rotated.DataChunkIdKey);
        Assert.Equal(keys.ChunkerKey, rotated.ChunkerKey);

        var salt = new byte[32];
        using SessionKeys before = keys.DeriveSessionKeys(0, salt);
        using SessionKeys same = rotated.DeriveSessionKeys(0, salt);
        using SessionKeys after = rotated.DeriveSessionKeys(1, salt);
        Assert.Equal(before.DataKey, same.DataKey);
        Assert.False(before.DataKey.SequenceEqual(after.DataKey));
        Assert.False(before.DataKey.SequenceEqual(before.MetaKey));
        salt[0]++;
        using SessionKeys other = keys.DeriveSessionKeys(0, salt);
        Assert.False(before.DataKey.SequenceEqual(other.DataKey));
    }

    [Fact]
    public void What_was_serialized_can_be_parsed()
    {
        using RootKeys keys = RootKeys.Create().WithNewGeneration().WithNewGeneration();
        var serialized = new byte[keys.SerializedLength];
        keys.Serialize(serialized);
        using RootKeys parsed = RootKeys.Parse(serialized);
        var again = new byte[parsed.SerializedLength];
        parsed.Serialize(again);
        Assert.Equal(serialized, again);
        Assert.Equal([0, 1, 2], parsed.Generations);
        Assert.Equal(2 + (3 * 34), serialized.Length);
    }

    [Fact]
    public void Malformed_input_is_refused()
    {
        var sound = new byte[2 + (2 * 34)];
        sound[0] = 2;
        sound[2 + 34] = 1;
        RootKeys.Parse(sound).Dispose();

        byte[][] malformed = [[], [1], [0, 0], [1, 0], [.. sound, 0], sound[..^1], [0xFF, 0xFF, .. sound[2..]], [1, 4, .. new byte[1025 * 34]]];
        Assert.All(malformed, input => Assert.Throws<InvalidDataException>(() => RootKeys.Parse(input)));
        sound[2 + 34] = 0;
        Assert.Throws<InvalidDataException>(() => RootKeys.Parse(sound));
        sound[2] = 1;
        sound[2 + 34] = 2;
        Assert.Throws<InvalidDataException>(() => RootKeys.Parse(sound));
    }

    [Fact]
    public void Mutated_input_is_parsed_or_refused()
    {
        var random = SeededRandom.Create();
        using RootKeys keys = RootKeys.Create().WithNewGeneration();
        var sound = new byte[keys.SerializedLength];
        keys.Serialize(sound);
        for (var round = 0; round < 2000; round++)
        {
            var mutated = sound[..random.Next(sound.Length + 1)];
            if (mutated.Length > 0)
                mutated[random.Next(Math.Min(mutated.Length, 4))] = (byte)random.Next(256);
            RootKeys parsed;
            try
            {
                parsed = RootKeys.Parse(mutated);
            }
            catch (InvalidDataException)
            {
                continue;
            }

            using (parsed)
            {
                var again = new byte[parsed.SerializedLength];
                parsed.Serialize(again);
                Assert.Equal(mutated, again);
            }
        }
    }

    [Fact]
    public void Disposed_keys_are_gone()
    {
        RootKeys keys = RootKeys.Create();
        ReadOnlySpan<byte> derived = keys.DataChunkIdKey;
        Assert.NotEqual(new byte[32], derived.ToArray());
        keys.Dispose();
        Assert.Equal(new byte[32], derived.ToArray());
        Assert.Throws<ObjectDisposedException>(() => keys.ChunkerKey.Length);
        Assert.Throws<ObjectDisposedException>(() => keys.DeriveSessionKeys(0, new byte[32]));
        Assert.Throws<ObjectDisposedException>(() => keys.Serialize(new byte[keys.SerializedLength]));
    }

    [Fact]
    public void Session_keys_need_a_known_generation_and_a_whole_salt()
    {
        using RootKeys keys = RootKeys.Create();
        Assert.Throws<KeyNotFoundException>(() => keys.DeriveSessionKeys(1, new byte[32]));
        Assert.Throws<ArgumentException>(() => keys.DeriveSessionKeys(0, new byte[31]));
    }
}
