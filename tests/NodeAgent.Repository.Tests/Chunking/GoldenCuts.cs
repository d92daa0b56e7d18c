using System.Globalization;
using System.Text;
using System.Text.Json;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Tests.Chunking;

/// <summary>
/// golden_cuts.json: cuts computed by a second implementation, from the definition alone. A difference means that no data
/// in existing repositories would be recognised again, so this file is never regenerated to make a test pass.
/// </summary>
internal sealed class GoldenCuts
{
    private readonly JsonElement _root;

    public GoldenCuts()
    {
        using Stream stream = typeof(GoldenCuts).Assembly.GetManifestResourceStream("Chunking/golden_cuts.json")!;
        using JsonDocument document = JsonDocument.Parse(stream);
        _root = document.RootElement.Clone();
        Table = GearTable.Derive(Convert.FromHexString(_root.GetProperty("chunker_key").GetString()!));
    }

    public GearTable Table { get; }

    public string TableHash => _root.GetProperty("table_blake3").GetString()!;

    public IEnumerable<ulong> TableStart =>
        _root.GetProperty("table_start").EnumerateArray().Select(value => ulong.Parse(value.GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    public IEnumerable<(string Name, ulong Hash)> Names =>
        _root.GetProperty("names").EnumerateObject().Select(name =>
            (name.Name, ulong.Parse(name.Value.GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));

    public IEnumerable<(string Description, byte[] Data, ChunkerParameters Parameters, int[] Cuts)> Sets =>
        _root.GetProperty("sets").EnumerateArray().Select(set =>
        {
            var parameters = new ChunkerParameters(
                set.GetProperty("min").GetInt32(), set.GetProperty("average").GetInt32(),
                set.GetProperty("max").GetInt32(), set.GetProperty("normalization").GetInt32());
            var kind = set.GetProperty("kind").GetString()!;
            var data = Data(kind, set.GetProperty("seed").GetString()!, set.GetProperty("length").GetInt32());
            int[] cuts = [.. set.GetProperty("cuts").EnumerateArray().Select(cut => cut.GetInt32())];
            return ($"{kind}, {data.Length} bytes, {parameters}", data, parameters, cuts);
        });

    public static byte[] Data(string kind, string seed, int length)
    {
        var data = new byte[length];
        switch (kind)
        {
            case "random":
                Blake3.Hash(Encoding.UTF8.GetBytes(seed), data);
                break;
            case "text":
                var text = new StringBuilder();
                for (var i = 0; text.Length < length; i++)
                    text.Append(CultureInfo.InvariantCulture, $"record {i % 1000:d6} status=ok owner=root\n");
                Encoding.ASCII.GetBytes(text.ToString(0, length), data);
                break;
            case "zero":
                break;
            default:
                throw new InvalidDataException($"unknown kind of data: {kind}");
        }

        return data;
    }
}
