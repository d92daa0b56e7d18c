using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Benchmarks.Compression;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Benchmarks.Stages;

/// <summary>
/// What one core of this machine does in each stage of a backup or restore by itself, on content of the tree that is measured: the physical limit beside
/// which bench/scenarios/profile puts what the product takes. Times are of the processor, as a machine that is shared gives no others; writing is by the clock.
/// </summary>
internal static class StageSpeeds
{
    private const int SampleLength = 64 << 20;
    private const int Block = 1 << 20;
    private const int MaxSampleFiles = 4000;
    private const int WriteLength = 16 << 20;

    public static int Run(string[] args)
    {
        if (args is not [var tree, var scratch])
        {
            Console.Error.WriteLine("usage: stages TREE SCRATCH (what is written to the directory SCRATCH is removed)");
            return 2;
        }

        var files = SomeFiles(tree);
        var sample = Sample(files);
        var result = new JsonObject
        {
            ["sampleFiles"] = files.Count,
            ["sampleBytes"] = sample.Length,
            ["walkPerSecond"] = Rate(() => CountEntries(tree)),
            ["openPerSecond"] = Rate(() => Open(files)),
            ["readBytesPerSecond"] = Reading(files),
            ["hashBytesPerSecond"] = Rate(() => Hash(sample)),
            ["chunkBytesPerSecond"] = Rate(() => Chunk(sample)),
        };
        Compression(sample, result);
        Encryption(sample, result);
        Writing(scratch, sample, result);
        Console.WriteLine(result.ToJsonString());
        return 0;
    }

    /// <summary>The first files by name would be alike, so every directory gives a share.</summary>
    private static List<string> SomeFiles(string tree)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device };
        List<string> found = [.. Directory.EnumerateFiles(tree, "*", options).Take(1_000_000)];
        var step = Math.Max(1, found.Count / MaxSampleFiles);
        return [.. found.Where((_, i) => i % step == 0)];
    }

    /// <summary>Content of these files; of a tree that has none, text, so that the other stages have something to do.</summary>
    private static byte[] Sample(List<string> files)
    {
        var sample = new byte[SampleLength];
        var filled = 0;
        var share = Math.Max(Block, SampleLength / Math.Max(1, files.Count));
        foreach (var path in files)
        {
            using var file = File.OpenHandle(path);
            // From the middle: large files begin with headers.
            var length = RandomAccess.GetLength(file);
            var from = length > 2L * share ? length / 2 : 0;
            filled += RandomAccess.Read(file, sample.AsSpan(filled, Math.Min(share, sample.Length - filled)), from);
            if (filled == sample.Length) break;
        }

        return filled >= Block ? sample[..filled] : SampleData.Create("text", 16 << 20);
    }

    /// <summary>The work of a round, divided by the processor time of the best of several.</summary>
    private static double Rate(Func<long> round)
    {
        round();
        var best = 0.0;
        var until = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
        do
        {
            var before = Environment.CpuUsage.TotalTime;
            long work = 0;
            // The kernel counts processor time in steps, so a round must not be too short.
            do work += round();
            while (Environment.CpuUsage.TotalTime - before < TimeSpan.FromMilliseconds(100) && work > 0);
            best = Math.Max(best, work / Math.Max(0.001, (Environment.CpuUsage.TotalTime - before).TotalSeconds));
        }
        while (Stopwatch.GetTimestamp() < until);
        return Math.Round(best);
    }

    /// <summary>Lists directories and asks the state of every entry, as the walk must.</summary>
    private static long CountEntries(string tree)
    {
        long count = 0;
        var places = new Stack<string>([tree]);
        while (places.TryPop(out var place) && count < 200_000)
        {
            foreach (var entry in new DirectoryInfo(place).EnumerateFileSystemInfos())
            {
                count++;
                _ = entry.LastWriteTimeUtc;
                if (entry is DirectoryInfo && entry.LinkTarget is null) places.Push(entry.FullName);
            }
        }

        return count;
    }

    private static long Open(List<string> files)
    {
        foreach (var path in files)
        {
            using var file = File.OpenHandle(path);
        }

        return files.Count;
    }

    /// <summary>Reads from the page cache: the second round and later ones find all there. Opening is a stage of its own, so the files are open.</summary>
    private static double Reading(List<string> files)
    {
        var open = files.Where((_, i) => i % ((files.Count / 400) + 1) == 0).Select(path => File.OpenHandle(path)).ToList();
        try
        {
            return open.Sum(RandomAccess.GetLength) == 0 ? 0 : Rate(() => ReadAll(open));
        }
        finally
        {
            open.ForEach(file => file.Dispose());
        }
    }

    private static long ReadAll(List<SafeFileHandle> files)
    {
        var buffer = new byte[Block];
        long total = 0;
        foreach (var file in files)
        {
            var at = 0L;
            while (total < 1L << 30 && at < 64 << 20 && RandomAccess.Read(file, buffer, at) is var read and > 0)
            {
                at += read;
                total += read;
            }
        }

        return total;
    }

    private static long Hash(byte[] sample)
    {
        Span<byte> hash = stackalloc byte[32];
        for (var at = 0; at < sample.Length; at += Block) Blake3.Hash(sample.AsSpan(at, Math.Min(Block, sample.Length - at)), hash);
        return sample.Length;
    }

    private static long Chunk(byte[] sample)
    {
        var chunker = new FastCdc(GearTable.Derive(new byte[32]), ChunkerParameters.Default);
        ReadOnlySpan<byte> rest = sample;
        while (!rest.IsEmpty) rest = rest[chunker.FindCut(rest, isLast: true)..];
        return sample.Length;
    }

    private static void Compression(byte[] sample, JsonObject result)
    {
        using var codec = new ZstdCodec();
        var blocks = sample.Chunk(Block).ToArray();
        var compressed = new byte[blocks.Length][];
        var destination = new byte[ZstdCodec.CompressBound(Block)];
        result["compressBytesPerSecond"] = Rate(() =>
        {
            for (var i = 0; i < blocks.Length; i++)
            {
                var length = codec.Compress(blocks[i], destination, 3);
                compressed[i] ??= length > 0 ? destination[..length] : [];
            }

            return sample.Length;
        });
        // What did not become smaller is stored as it is: nothing is decompressed there.
        long plain = blocks.Where((_, i) => compressed[i].Length > 0).Sum(b => (long)b.Length);
        result["compressedShare"] = (double)plain / sample.Length;
        result["storedShare"] = blocks.Select((b, i) => (double)(compressed[i].Length > 0 ? compressed[i].Length : b.Length)).Sum() / sample.Length;
        if (plain == 0) return;
        var output = new byte[Block];
        result["decompressBytesPerSecond"] = Rate(() =>
        {
            for (var i = 0; i < blocks.Length; i++)
            {
                if (compressed[i].Length > 0) codec.Decompress(compressed[i], output.AsSpan(0, blocks[i].Length));
            }

            return plain;
        });
    }

    private static void Encryption(byte[] sample, JsonObject result)
    {
        using var keys = RootKeys.Create();
        using var cipher = EnvelopeCipher.CreateSession(keys, new byte[EnvelopeCipher.RepositoryIdLength], CipherSuiteSelection.Preferred);
        var associated = new byte[33];
        var payload = sample[..Block];
        var envelope = new byte[Block + EnvelopeCipher.Overhead];
        var opened = new byte[Block + EnvelopeCipher.InnerHeaderLength];
        result["encryptBytesPerSecond"] = Rate(() => Repeat(() => cipher.Seal(EnvelopeType.DataChunk, true, Block, payload, associated, envelope)));
        result["decryptBytesPerSecond"] = Rate(() => Repeat(() => cipher.Open(envelope, associated, opened)));

        static long Repeat<T>(Func<T> act)
        {
            for (var i = 0; i < 16; i++) act();
            return 16L * Block;
        }
    }

    /// <summary>Whole packs, each made durable, as the store writes them; then small files, as a restore makes them. By the clock: the disk is what counts here.</summary>
    private static void Writing(string scratch, byte[] sample, JsonObject result)
    {
        Directory.CreateDirectory(scratch);
        var path = Path.Combine(scratch, "stages-pack");
        var rates = new List<double>();
        var bytes = sample.AsSpan(0, Math.Min(WriteLength, sample.Length)).ToArray();
        for (var i = 0; i < 8; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, bytes, 0);
                RandomAccess.FlushToDisk(file);
            }

            rates.Add(bytes.Length / Stopwatch.GetElapsedTime(start).TotalSeconds);
            File.Delete(path);
        }

        rates.Sort();
        result["writeDurablyBytesPerSecond"] = Math.Round(rates[rates.Count / 2]);
        // Into a new file: pages that are there already would be written at the speed of memory.
        result["writeBytesPerSecond"] = Rate(
            () =>
            {
                using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
                for (var i = 0; i < 8; i++) RandomAccess.Write(file, bytes, (long)i * bytes.Length);
                return 8L * bytes.Length;
            },
            () => File.Delete(path));

        var place = Path.Combine(scratch, "stages-files");
        var content = sample[..Math.Min(1024, sample.Length)];
        result["createPerSecond"] = Rate(() =>
        {
            Directory.CreateDirectory(place);
            for (var i = 0; i < 1000; i++)
            {
                using var file = File.OpenHandle(Path.Combine(place, $"f{i}"), FileMode.CreateNew, FileAccess.Write);
                RandomAccess.Write(file, content, 0);
                File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            return 1000;
        }, () => Directory.Delete(place, recursive: true));
    }

    /// <summary>The same with what is not to be counted after each round.</summary>
    private static double Rate(Func<long> round, Action tidy)
    {
        var best = 0.0;
        for (var i = 0; i < 5; i++)
        {
            var before = Environment.CpuUsage.TotalTime;
            var work = round();
            best = Math.Max(best, work / Math.Max(0.001, (Environment.CpuUsage.TotalTime - before).TotalSeconds));
            tidy();
        }

        return Math.Round(best);
    }
}
