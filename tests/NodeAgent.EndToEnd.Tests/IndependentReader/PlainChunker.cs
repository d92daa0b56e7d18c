using System.Numerics;
using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>The rules by which writers cut, as the page defines them: byte by byte and with nothing clever.</summary>
internal sealed class PlainChunker(ulong[] gear, JsonNode config)
{
    /// <summary>Lengths of the chunks of one extent.</summary>
    public List<long> Cut(ReadOnlySpan<byte> data)
    {
        var lengths = new List<long>();
        while (!data.IsEmpty)
        {
            var length = First(data);
            lengths.Add(length);
            data = data[length..];
        }

        return lengths;
    }

    /// <summary>Whether a page of so many bytes of entries ends after this name.</summary>
    public bool EndsPage(long length, byte[] name)
    {
        var pages = config["treePages"]!;
        return length >= (int)pages["min"]! && Hash(name) >> (64 - (int)pages["bits"]!) == 0;
    }

    private int First(ReadOnlySpan<byte> data)
    {
        var chunker = config["chunker"]!;
        int min = (int)chunker["min"]!, average = (int)chunker["average"]!, max = (int)chunker["max"]!, normalization = (int)chunker["normalization"]!;
        var a = BitOperations.Log2((uint)average);
        var hard = ulong.MaxValue << (64 - (a + normalization));
        var easy = ulong.MaxValue << (64 - (a - normalization));
        var end = Math.Min(data.Length, max);
        if (end <= min) return end;
        var hash = Hash(data[(min - 64)..min]);
        for (var n = min; n < end; n++)
        {
            if ((hash & (n < average ? hard : easy)) == 0) return n;
            hash = (hash << 1) + gear[data[n]];
        }

        return end;
    }

    private ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0;
        foreach (var b in bytes) hash = (hash << 1) + gear[b];
        return hash;
    }
}
