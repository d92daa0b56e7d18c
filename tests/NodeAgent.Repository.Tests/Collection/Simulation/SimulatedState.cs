using System.Buffers.Binary;
using System.Globalization;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// What is in the store, and who holds its fence. After every change it is asked whether what collection promises is so:
/// each snapshot whose object is there can be restored, also one that is being dropped (every chunk of it in a pack that is there and that a segment names which counts);
/// a pack goes, and is left out of the index, only while a record condemns it;
/// a snapshot's object goes only when a record has made a mark of it final;
/// a snapshot is there when it is taken back;
/// nothing is written through a fence by a session that has said that it is over, or was revoked longer ago than its reach.
/// </summary>
internal sealed class SimulatedState(VirtualWorld world, Temper temper)
{
    public const int ChunkLength = 100;

    private readonly List<object> _contents = [];
    private readonly List<(string Actor, string Event, TaskCompletionSource Wake)> _waiting = [];
    private readonly HashSet<string> _deletedOnce = [];
    private readonly HashSet<string> _excused = [];
    private HashSet<PackId>? _live;
    private int _names;

    public static SessionIdentity Sealer { get; } = new(0, CipherSuite.Aes256Gcm, new byte[RootKeys.SaltLength]);

    public VirtualWorld World => world;

    public SortedList<string, StoredObject> Objects { get; } = new(StringComparer.Ordinal);

    public List<SimulatedFence> Fences { get; } = [];

    /// <summary>Where a directed schedule holds actors.</summary>
    public List<Gate> Gates { get; } = [];

    /// <summary>How many chunks each actor has stored.</summary>
    public Dictionary<string, int> StoredChunks { get; } = [];

    public string? Violation { get; private set; }

    public static ChunkId Chunk(int number) => Id(number, 1);

    /// <summary>A name that nothing had before.</summary>
    public ChunkId NewHash() => Id(++_names, 2);

    public string NewSession() => string.Create(CultureInfo.InvariantCulture, $"{++_names:x16}");

    /// <summary>How wrong the store's clocks are just now, in a directed schedule.</summary>
    public TimeSpan? ClockError { get; set; }

    /// <summary>The store's time, by whichever of its machines is asked.</summary>
    public DateTimeOffset Clock() => ClockError is { } error ? world.Now + error : temper.Skew == 0 ? world.Now : world.Now + TimeSpan.FromSeconds(temper.Skew * ((2 * world.Random.NextDouble()) - 1));

    /// <summary>Bytes that stand for something.</summary>
    public byte[] Seal(object content)
    {
        _contents.Add(content);
        var body = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(body, _contents.Count - 1);
        return body;
    }

    public object Open(ReadOnlySpan<byte> body) => _contents[BinaryPrimitives.ReadInt32LittleEndian(body)];

    /// <summary>To be called when somebody has removed objects by hand. What was being dropped then need not be whole any more.</summary>
    public void Forget()
    {
        _live = null;
        _excused.UnionWith(Under("snap/").Select(s => s.Key).Where(key => IsDropped(HashOf(key).ToString())));
        Check();
    }

    public Gate? MeetGate(string actor, string request, string key) => Gates.Count == 0 ? null : Gates.Find(g => g.IsMet(actor, request, key));

    /// <summary>Waits for a time, or until another actor has done something.</summary>
    public Task WaitAsync(string actor, string until, TimeSpan most)
    {
        var wake = new TaskCompletionSource();
        if (until.Length > 0) _waiting.Add((actor, until, wake));
        world.At(most, () => wake.TrySetResult());
        return wake.Task;
    }

    /// <summary>Tells that what an actor has sent took effect: whoever waits for that goes on.</summary>
    public void Happened(string actor, string request, string key)
    {
        if (request == "delete" && actor[0] == 'f' && key.StartsWith("forget/", StringComparison.Ordinal))
        {
            // Whether or not somebody else was faster with the mark: it is being told that the snapshot is back.
            var id = key.Split('/')[1];
            if (!Under("snap/").Any(s => s.Key.EndsWith(id, StringComparison.Ordinal))) Fail($"{actor} took snapshot {id} back, which is gone");
        }

        for (var i = _waiting.Count - 1; i >= 0; i--)
        {
            var (who, what, wake) = _waiting[i];
            if (who == actor || !Hold.IsAt(what, request, key)) continue;
            _waiting.RemoveAt(i);
            world.At(TimeSpan.FromSeconds(world.Random.NextDouble() * world.Random.Next(2) * 60), () => wake.TrySetResult());
        }
    }

    public bool Put(string who, string key, ReadOnlySpan<byte> body, string? session)
    {
        if (Objects.ContainsKey(key))
        {
            if (world.Traces) world.Say(who, $"put {key}: is there already");
            return false;
        }

        var content = Open(body);
        var before = content is IndexSegment { Superseded.Count: > 0 } ? LivePacks() : null;
        Objects.Add(key, new StoredObject(content, body.ToArray(), Clock()));
        if (content is PackContents stored)
        {
            _live = null;
            StoredChunks[who] = StoredChunks.GetValueOrDefault(who) + stored.Chunks.Count;
        }

        if (content is IndexSegment) _live = null;
        if (world.Traces) world.Say(who, $"put {key}: {Describe(content)}");
        if (session is not null) RequireGoing(session, key);
        if (before is not null)
        {
            foreach (var pack in before.Except(LivePacks()))
            {
                if (!IsCondemned(pack)) Fail($"{who} left pack {pack} out of the index, and no record condemns it");
            }
        }

        if (content is SimulatedSnapshot || before is not null) Check();
        return true;
    }

    public bool Delete(string who, string key, string? session)
    {
        // Whoever sends a request a second time, after others have acted on the first, may find that something of that name came late: it is garbage.
        var isFirst = _deletedOnce.Add(key);
        if (!Objects.Remove(key, out var removed))
        {
            if (world.Traces) world.Say(who, $"delete {key}: was gone");
            return false;
        }

        if (world.Traces) world.Say(who, $"delete {key}");
        if (session is not null) RequireGoing(session, key);
        switch (removed.Content)
        {
            case PackContents pack:
                _live = null;
                if (isFirst && !IsCondemned(pack.Pack)) Fail($"{who} deleted pack {pack.Pack}, and no record condemns it");
                break;
            case IndexSegment:
                _live = null;
                break;
            case SimulatedSnapshot:
                if (!IsDropped(HashOf(key).ToString())) Fail($"{who} removed {key}, which is visible");
                return true;
            default:
                if (!key.StartsWith("forget/", StringComparison.Ordinal) && removed.Content is not CollectionRecord { Kind: CollectionRecordKind.Drop })
                {
                    return true;
                }

                break;
        }

        Check();
        return true;
    }

    /// <summary>The packs that segments which count name, and which are there.</summary>
    public HashSet<PackId> LivePacks()
    {
        if (_live is not null) return _live;
        var superseded = new HashSet<ChunkId>();
        foreach (var (_, stored) in Under(IndexSegment.Prefix)) superseded.UnionWith(((IndexSegment)stored.Content).Superseded);
        var named = new HashSet<PackId>();
        foreach (var (key, stored) in Under(IndexSegment.Prefix))
        {
            if (superseded.Count > 0 && superseded.Contains(HashOf(key))) continue;
            foreach (var pack in ((IndexSegment)stored.Content).Packs) named.Add(pack.Pack);
        }

        named.RemoveWhere(p => !Objects.ContainsKey(p.Key));
        return _live = named;
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

    private bool IsCondemned(PackId pack)
    {
        foreach (var (key, stored) in Under(CollectionRecord.Prefix))
        {
            if (stored.Content is not CollectionRecord { Kind: CollectionRecordKind.Condemn } record || !record.Packs.Contains(pack)) continue;
            var absolve = CollectionRecord.KeyOf(key.Split('/')[1], CollectionRecordKind.Absolve, record.Number);
            if (!Objects.TryGetValue(absolve, out var back) || !((CollectionRecord)back.Content).Packs.Contains(pack)) return true;
        }

        return false;
    }

    /// <summary>Whether a record has made a mark of a snapshot final.</summary>
    private bool IsDropped(string id)
    {
        foreach (var (mark, _) in Under($"forget/{id}/"))
        {
            foreach (var (_, stored) in Under(CollectionRecord.Prefix))
            {
                if (((CollectionRecord)stored.Content).Marks.Contains(mark)) return true;
            }
        }

        return false;
    }

    /// <summary>Asked when a write through a fence takes effect: the session behind it must not be over.</summary>
    private void RequireGoing(string session, string key)
    {
        if (Objects.ContainsKey(SessionState.EndKey(session))) Fail($"{key} was changed by session {session}, which had said that it was over");
        if (Objects.TryGetValue(SessionState.RevokedKey(session), out var revoked) && world.Now > revoked.Written + CollectionTimes.Default.Reach + TimeSpan.FromMinutes(1))
            Fail($"{key} was changed by session {session}, which was revoked longer ago than its reach");
    }

    private void Fail(string why)
    {
        Violation ??= why;
        world.Say("!!", why);
    }

    private void Check()
    {
        if (Violation is not null) return;
        HashSet<ChunkId>? present = null;
        foreach (var (key, stored) in Under("snap/"))
        {
            if (_excused.Contains(key)) continue;
            if (present is null)
            {
                present = [];
                foreach (var pack in LivePacks())
                {
                    foreach (var chunk in ((PackContents)Objects[pack.Key].Content).Chunks) present.Add(chunk.Id);
                }
            }

            foreach (var chunk in ((SimulatedSnapshot)stored.Content).Chunks)
            {
                if (present.Contains(chunk)) continue;
                Fail($"{key} cannot be restored: chunk {Name(chunk)} is in no pack");
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
