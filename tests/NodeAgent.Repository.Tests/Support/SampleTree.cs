using System.Globalization;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>Files by path: a few of each way in which content is stored, and directories of each size.</summary>
internal static class SampleTree
{
    /// <summary>Files below this directory are held in their entries, which makes many pages of little data.</summary>
    public const string Inline = "inline/";

    /// <param name="random">Where the content comes from.</param>
    /// <param name="bulk">Bytes of content that does not compress: with 64 KiB packs, a pack for each as many.</param>
    /// <param name="pages">Files of 3000 bytes that each make a directory page: with 64 KiB packs, five fill a pack of pages.</param>
    public static SortedDictionary<string, byte[]> Create(Random random, int bulk, int pages)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["empty"] = [],
            ["small"] = Bytes(random, 50),
            ["text"] = System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("all work and no play makes a dull backup\n", 1000))),
            ["large"] = Bytes(random, bulk / 2),
            ["a/deep/way/down/file"] = Bytes(random, 3000),
            ["a/sibling"] = Bytes(random, 700),
        };
        for (var i = 0; i < 100; i++) files[string.Create(CultureInfo.InvariantCulture, $"many/file-{i:D3}")] = Bytes(random, i % 3 == 0 ? 30 : bulk / 160);
        for (var i = 0; i < pages; i++) files[string.Create(CultureInfo.InvariantCulture, $"{Inline}{i:D3}")] = Bytes(random, 3000);
        return files;
    }

    /// <summary>The same tree some time later: files changed, added and removed.</summary>
    public static SortedDictionary<string, byte[]> Changed(SortedDictionary<string, byte[]> files, Random random)
    {
        var changed = new SortedDictionary<string, byte[]>(files, StringComparer.Ordinal);
        changed.Remove("many/file-007");
        changed["many/file-050"] = Bytes(random, 2000);
        changed["large"] = [.. files["large"][..(files["large"].Length / 2)], .. Bytes(random, files["large"].Length)];
        foreach (var path in files.Keys.Where((path, i) => path.StartsWith(Inline, StringComparison.Ordinal) && i % 2 == 0)) changed[path] = Bytes(random, 3000);
        changed["new/file"] = Bytes(random, 5000);
        return changed;
    }

    public static void AssertSame(SortedDictionary<string, byte[]> expected, SortedDictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (path, content) in expected) Assert.True(content.AsSpan().SequenceEqual(actual[path]), $"{path} has other content");
    }

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
