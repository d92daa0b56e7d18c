using System.Text;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>The reader's own hash stands on published values, not on the engine's.</summary>
public sealed class PlainBlake3Tests
{
    // From the official test vectors: the input of length n is the bytes i % 251.
    [Theory]
    [InlineData(0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")]
    [InlineData(1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213")]
    [InlineData(1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7")]
    [InlineData(1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444")]
    public void It_gives_the_official_hashes(int length, string expected) =>
        Assert.Equal(expected, Convert.ToHexStringLower(PlainBlake3.Hash(Enumerable.Range(0, length).Select(i => (byte)(i % 251)).ToArray())));

    [Fact]
    public void It_gives_the_official_keyed_hash_of_nothing() =>
        Assert.Equal("92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
            Convert.ToHexStringLower(PlainBlake3.Keyed(Encoding.ASCII.GetBytes("whats the Elvish word for friend"), [])));
}
