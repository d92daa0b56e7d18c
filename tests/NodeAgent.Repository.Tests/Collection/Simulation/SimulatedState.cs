using System.Buffers.Binary;
using System.Globalization;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// What is in the store, and who holds its fence. After every change it is asked whether each visible snapshot can be restored: every chunk of it in a pack
/// that is there and that a segment names which counts.
/// </summary>
internal sealed class SimulatedState(VirtualWorld world, Temper temper)
{
    public const int ChunkLength = 100;

    private readonly List<object> _contents = [];
    private int _names;

    public static SessionIdentity Sealer { get; } = new(0, CipherSuite.Aes256Gcm, new byte[RootKeys.SaltLength]);

    public VirtualWorld World => world;

    public Temper Temper => temper;

    public SortedList<string, StoredObject> Objects { get; } = new(StringComparer.Ordinal);

    public List<SimulatedFence> Fences { get; } = [];

    public string? Violation { get; private set; }

    public static ChunkId Chunk(int number) => Id(number, 1);

    /// <summary>A name that nothing had before.</summary>
    public ChunkId NewHash() => Id(++_names, 2);

    public string NewSession() => string.Create(CultureInfo.InvariantCulture, $"{++_names:x16}");

    /// <summary>Bytes that stand for something.</summary>
    public byte[] Seal(object content)
    {
        _contents.Add(content);
        var body = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(body, _contents.Count - 1);
        return body;
    }

    public object Open(ReadOnlySpan<byte> body) => _contents[BinaryPrimitives.ReadInt32LittleEndian(body)];

    public bool Put(string who, string key, ReadOnlySpan<byte> body)
    {
        if (Objects.ContainsKey(key))
        {
            world.Say(who, $"put {key}: is there already");
            return false;
        }

        var content = Open(body);
        Objects.Add(key, new StoredObject(content, body.ToArray(), world.Now));
        if (world.Traces) world.Say(who, $"put {key}: {Describe(content)}");
        if (content is SimulatedSnapshot or IndexSegment) Check();
        return true;
    }

    public bool Delete(string who, string key)
    {
        var removed = Objects.Remove(key);
        world.Say(who, $"delete {key}{(removed ? "" : ": was gone")}");
        if (removed && !key.StartsWith("sess/", StringComparison.Ordinal)) Check();
        return removed;
    }

    /// <summary>The packs that segments which count name, and which are there.</summary>
    public HashSet<PackId> LivePacks()
    {
        var superseded = new HashSet<ChunkId>();
        foreach (var (key, stored) in Under(IndexSegment.Prefix)) superseded.UnionWith(((IndexSegment)stored.Content).Superseded);
        var named = new HashSet<PackId>();
        foreach (var (key, stored) in Under(IndexSegment.Prefix))
        {
            if (!superseded.Contains(HashOf(key))) named.UnionWith(((IndexSegment)stored.Content).Packs.Select(p => p.Pack));
        }

        named.RemoveWhere(p => !Objects.ContainsKey(p.Key));
        return named;
    }

    public IEnumerable<KeyValuePair<string, StoredObject>> Under(string prefix)
    {
        for (var i = First(prefix); i < Objects.Count && Objects.GetKeyAtIndex(i).StartsWith(prefix, StringComparison.Ordinal); i++)
            yield return new KeyValuePair<string, StoredObject>(Objects.GetKeyAtIndex(i), Objects.GetValueAtIndex(i));
    }

    /// <summary>The place of the first object whose name is not before a text.</summary>
    public int First(string text)
    {
        int low = 0, high = Objects.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (string.CompareOrdinal(Objects.GetKeyAtIndex(middle), text) < 0) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    public static ChunkId HashOf(string key) => ChunkId.TryParse(key[^64..], out var hash) ? hash : throw new ArgumentException(key);

    private void Check()
    {
        if (Violation is not null) return;
        HashSet<ChunkId>? present = null;
        HashSet<string>? dropped = null;
        foreach (var (key, stored) in Under("snap/"))
        {
            dropped ??= [.. Under(CollectionRecord.Prefix).SelectMany(r => ((CollectionRecord)r.Value.Content).Marks)];
            if (Under($"forget/{HashOf(key)}/").Any(m => dropped.Contains(m.Key))) continue;
            present ??= [.. LivePacks().SelectMany(p => ((PackContents)Objects[p.Key].Content).Chunks.Select(c => c.Id))];
            foreach (var chunk in ((SimulatedSnapshot)stored.Content).Chunks)
            {
                if (present.Contains(chunk)) continue;
                Violation = $"{key} cannot be restored: chunk {Name(chunk)} is in no pack";
                world.Say("!!", Violation);
                return;
            }
        }
    }

    private static string Describe(object content) => content switch
    {
        PackContents pack => string.Join(' ', pack.Chunks.Select(c => Name(c.Id))),
        SimulatedSnapshot snapshot => string.Join(' ', snapshot.Chunks.Select(Name)),
        IndexSegment segment => $"packs {string.Join(' ', segment.Packs.Select(p => p.Pack.Key[^12..]))} instead of {string.Join(' ', segment.Superseded.Select(s => s.ToString()[^12..]))}",
        CollectionRecord record => string.Join(' ', record.Packs.Select(p => p.Key[^12..]).Concat(record.Marks)),
        _ => content.GetType().Name,
    };

    private static string Name(ChunkId chunk) => $"c{chunk.ToString()[^2..]}";

    private static ChunkId Id(int number, byte kind)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        // Spread over the whole range, as hashes are; the number can be read at the end.
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)number * 0x9E3779B97F4A7C15UL);
        bytes[8] = kind;
        BinaryPrimitives.WriteInt32BigEndian(bytes[28..], number);
        return new ChunkId(bytes);
    }
}
