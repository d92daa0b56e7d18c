using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Parity;

namespace NodeAgent.Repository.Tests.Parity;

public sealed class ParityObjectTests
{
    private const int PageLength = ParityObject.PageLength;

    private static readonly byte[] RepositoryId = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    private readonly Random _random = SeededRandom.Create();

    [Fact]
    public void Any_blocks_up_to_the_limit_of_each_stripe_are_made_good_those_of_the_parity_among_them()
    {
        for (var round = 0; round < 40; round++)
        {
            var (content, percent) = (Bytes(_random.Next(1, _random.Next(3) == 0 ? 1_200_000 : 30_000)), _random.Next(ParityLayout.MinPercent, ParityLayout.MaxPercent + 1));
            var layout = ParityLayout.For(content.Length, percent);
            var (remains, parity) = (content.ToArray(), ParityObject.Encode(content, percent, RepositoryId));
            var hurt = 0;
            for (var stripe = 0; stripe < layout.Stripes; stripe++)
            {
                // All that the stripe can bear, of whichever of its blocks.
                var blocks = Enumerable.Range(0, layout.Data + layout.Parity).Where(j => j >= layout.Data || layout.BlockOf(stripe, j) < layout.Blocks).ToArray();
                _random.Shuffle(blocks);
                foreach (var j in blocks.Take(layout.Parity))
                {
                    if (j < layout.Data) hurt += Hurt(remains, layout.BlockOf(stripe, j) * layout.BlockLength, layout.LengthOf(layout.BlockOf(stripe, j)));
                    else Hurt(parity, StartOf(parity, layout) + ((((j - layout.Data) * layout.Stripes) + stripe) * layout.BlockLength), layout.BlockLength);
                }
            }

            var mended = ParityObject.Decode(parity, RepositoryId, "parity/x").TryMend(remains, out var damaged, out var why);

            Assert.True(mended is not null, $"{content.Length} bytes, {percent} %: {why}");
            Assert.True(content.AsSpan().SequenceEqual(mended));
            Assert.Equal(hurt, damaged);
        }
    }

    [Fact]
    public void One_block_more_than_the_limit_is_refused_in_so_many_words()
    {
        var content = Bytes(90 * 4096);
        var layout = ParityLayout.For(content.Length, 10);
        Assert.Equal((1, 90, 9), (layout.Stripes, layout.Data, layout.Parity));
        var parity = ParityObject.Encode(content, 10, RepositoryId);
        var blocks = Enumerable.Range(0, 90).ToArray();
        _random.Shuffle(blocks);
        foreach (var block in blocks.Take(10)) Hurt(content, block * 4096, 4096);

        var mended = ParityObject.Decode(parity, RepositoryId, "parity/x").TryMend(content, out var damaged, out var why);

        Assert.Null(mended);
        Assert.Equal(10, damaged);
        Assert.Equal("10 blocks that belong together are damaged, and 9 of the 9 that could make up for them are whole", why);
    }

    [Theory]
    [InlineData("a sixteenth in one piece")]
    [InlineData("the end cut off")]
    [InlineData("the beginning of the parity")]
    [InlineData("the end of the parity cut off")]
    [InlineData("a page of each copy")]
    public void What_disks_do_is_made_good(string damage)
    {
        var content = Bytes(2 << 20);
        var parity = ParityObject.Encode(content, 10, RepositoryId);
        var remains = content.ToArray();
        switch (damage)
        {
            case "a sixteenth in one piece":
                Hurt(remains, _random.Next(remains.Length - (remains.Length / 16)), remains.Length / 16);
                break;
            case "the end cut off":
                remains = remains[..(remains.Length - _random.Next(1, remains.Length / 13))];
                break;
            case "the beginning of the parity":
                Hurt(remains, _random.Next(remains.Length - 5000), 5000);
                Hurt(parity, 0, 3 * PageLength);
                break;
            case "the end of the parity cut off":
                Hurt(remains, _random.Next(remains.Length - 5000), 5000);
                parity = parity[..(parity.Length / 2)];
                break;
            default:
                // The description is in three pages; what is left of the copies makes one.
                Hurt(remains, _random.Next(remains.Length - 5000), 5000);
                Hurt(parity, 0, 10);
                Hurt(parity, parity.Length - (2 * PageLength), 10);
                break;
        }

        var mended = ParityObject.Decode(parity, RepositoryId, "parity/x").TryMend(remains, out var damaged, out var why);

        Assert.True(mended is not null, why);
        Assert.True(content.AsSpan().SequenceEqual(mended));
        Assert.True(damaged > 0);
    }

    [Fact]
    public void Whatever_happens_to_both_what_comes_out_is_the_object_or_nothing()
    {
        var content = Bytes(100_000);
        var parity = ParityObject.Encode(content, 20, RepositoryId);
        var outcomes = new HashSet<string>();
        for (var round = 0; round < 300; round++)
        {
            var (remains, hurt) = (content.ToArray(), parity.ToArray());
            for (var i = _random.Next(12); i >= 0; i--) Hurt(remains, _random.Next(remains.Length - 1), 1);
            for (var i = _random.Next(12); i >= 0; i--) Hurt(hurt, _random.Next(hurt.Length - 1), 1);
            if (_random.Next(4) == 0) hurt = hurt[.._random.Next(hurt.Length)];
            try
            {
                var mended = ParityObject.Decode(hurt, RepositoryId, "parity/x").TryMend(remains, out _, out var why);
                if (mended is null) Assert.NotEmpty(why);
                else Assert.True(content.AsSpan().SequenceEqual(mended));
                outcomes.Add(mended is null ? "refused" : "mended");
            }
            catch (RepositoryFormatException)
            {
                outcomes.Add("unreadable");
            }
        }

        Assert.Contains("mended", outcomes);
    }

    [Theory]
    [InlineData("another repository's")]
    [InlineData("of a later version")]
    [InlineData("with impossible blocks")]
    [InlineData("empty")]
    public void What_is_no_parity_of_this_repository_is_refused(string what)
    {
        var parity = ParityObject.Encode(Bytes(10_000), 10, RepositoryId);
        var repository = what == "another repository's" ? new byte[16] : RepositoryId;
        if (what == "of a later version") Alter(68, 2);
        if (what == "with impossible blocks") Alter(68 + 8, 3);
        if (what == "empty") parity = [];

        Assert.Throws<RepositoryFormatException>(() => ParityObject.Decode(parity, repository, "parity/x"));

        // Both copies of the page, with the right hash.
        void Alter(int offset, byte value)
        {
            var page = parity.AsSpan(0, PageLength);
            page[offset] = value;
            Blake3.Hash(page[..^16], page[^16..]);
            page.CopyTo(parity.AsSpan(parity.Length - PageLength));
        }
    }

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        // What docs/format.md describes, once and for all: existing parity must stay usable.
        var content = new byte[700_001];
        for (var i = 0; i < content.Length; i++) content[i] = (byte)((i * 7) ^ (i >> 8));

        var parity = ParityObject.Encode(content, 10, RepositoryId);

        Assert.Equal("f913a84a5019e8d5a311119e3c25b5c283222942121256a55aea791443497bac", ObjectHash.Of(parity).ToString());
    }

    private static int StartOf(byte[] parity, ParityLayout layout) => (parity.Length - layout.ParityBytes) / 2;

    /// <summary>Changes every byte of a range; returns one, for the block that it is.</summary>
    private int Hurt(byte[] content, int start, int length)
    {
        for (var i = start; i < start + length; i++) content[i] ^= (byte)_random.Next(1, 256);
        return 1;
    }

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        _random.NextBytes(bytes);
        return bytes;
    }
}
