using NodeAgent.Benchmarks.Compression;

namespace NodeAgent.Benchmarks.Budgets;

/// <summary>A small tree of known content, the same in each run.</summary>
internal static class BudgetTree
{
    public const int LargeFiles = 4;
    public const int LargeLength = 16 << 20;
    public const int SmallFiles = 6000;

    /// <summary>Half text, half bytes that do not compress.</summary>
    public static byte[] MakeLarge(string directory)
    {
        Directory.CreateDirectory(directory);
        var random = SampleData.Create("random", LargeFiles * LargeLength / 2);
        var text = SampleData.Create("text", LargeLength);
        var all = new byte[LargeFiles * LargeLength];
        for (var i = 0; i < LargeFiles; i++)
        {
            var content = all.AsSpan(i * LargeLength, LargeLength);
            random.AsSpan(i * LargeLength / 2, LargeLength / 2).CopyTo(content);
            // Text that no other file has: the same words begin elsewhere.
            var from = (i * 3_000_017) % (LargeLength / 2);
            text.AsSpan(from, LargeLength / 2).CopyTo(content[(LargeLength / 2)..]);
            for (var at = LargeLength / 2; at < LargeLength; at += 4096) content[at] = (byte)('a' + i);
            File.WriteAllBytes(Path.Combine(directory, $"large{i}"), content);
        }

        return all;
    }

    public static void MakeSmall(string directory)
    {
        var random = new Random(2);
        var text = SampleData.Create("text", 1 << 20);
        for (var i = 0; i < SmallFiles; i++)
        {
            var place = Path.Combine(directory, $"d{i % 60:D2}");
            Directory.CreateDirectory(place);
            var length = random.Next(100, 4000);
            var content = text.AsSpan(random.Next(text.Length - length), length).ToArray();
            File.WriteAllBytes(Path.Combine(place, $"f{i:D5}"), content);
        }
    }
}
