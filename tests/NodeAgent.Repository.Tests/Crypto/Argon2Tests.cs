using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class Argon2Tests
{
    public Argon2Tests() =>
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed: apt-get install libargon2-1");

    [Fact]
    public void The_vector_of_RFC_9106_holds()
    {
        static byte[] Repeat(byte value, int count) => [.. Enumerable.Repeat(value, count)];
        var tag = new byte[32];
        Argon2.DeriveKey(Repeat(1, 32), Repeat(2, 16), Repeat(3, 8), Repeat(4, 12), new Argon2Parameters(32, 3, 4), tag);
        Assert.Equal("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659", Convert.ToHexStringLower(tag));
    }

    [Theory]
    [InlineData(65536, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")]
    [InlineData(256, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe")]
    public void Vectors_of_the_reference_implementation_hold(uint memoryKib, string expected)
    {
        var key = new byte[32];
        Argon2.DeriveKey("password"u8, "somesalt"u8, new Argon2Parameters(memoryKib, 2, 1), key);
        Assert.Equal(expected, Convert.ToHexStringLower(key));
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(7, 1, 1)]
    [InlineData(31, 1, 4)]
    [InlineData((1 << 20) + 1, 1, 1)]
    [InlineData(uint.MaxValue, 1, 1)]
    [InlineData(64, 0, 1)]
    [InlineData(64, 65, 1)]
    [InlineData(64, 1, 0)]
    [InlineData(1024, 1, 17)]
    [InlineData(1024, 1, uint.MaxValue)]
    public void Costs_out_of_bounds_are_refused(uint memoryKib, uint iterations, uint parallelism)
    {
        var cost = new Argon2Parameters(memoryKib, iterations, parallelism);
        Assert.False(cost.IsWithinBounds);
        Assert.Throws<ArgumentOutOfRangeException>(() => Argon2.DeriveKey("password"u8, "somesalt"u8, cost, new byte[32]));
    }

    [Fact]
    public void The_default_cost_is_64_MiB_and_3_passes()
    {
        Assert.True(Argon2Parameters.Default.IsWithinBounds);
        Assert.Equal(new Argon2Parameters(65536, 3, 1), Argon2Parameters.Default);
    }
}
