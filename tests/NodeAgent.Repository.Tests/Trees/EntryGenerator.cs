using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Trees;

/// <summary>Entries with every kind of value, the extreme ones among them, from a seed that is printed.</summary>
internal sealed class EntryGenerator
{
    private static readonly long[] Seconds = [0, 1, -1, 1_700_000_000, long.MaxValue, long.MinValue, int.MinValue, 253402300800];
    private readonly Random _random = SeededRandom.Create();

    public Random Random => _random;

    public static TreeEntry File(string name, long seconds = 1_700_000_000, ulong inode = 7) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = System.Text.Encoding.UTF8.GetBytes(name),
        Mode = 0x1A4,
        UserId = 1000,
        GroupId = 1000,
        Modified = new FileTimestamp(seconds, 5),
        Changed = new FileTimestamp(seconds, 6),
        Inode = inode,
        Content = new InlineContent("hi"u8.ToArray()),
        Size = 2,
    };

    public static TreeEntry Directory(string name = "") => new()
    {
        Type = TreeEntryType.Directory,
        Name = System.Text.Encoding.UTF8.GetBytes(name),
        Mode = 0x1ED,
        UserId = 1000,
        GroupId = 100,
        Modified = new FileTimestamp(1_600_000_000, 1),
        Changed = new FileTimestamp(1_600_000_001, 2),
        Inode = ulong.MaxValue,
    };

    /// <summary>Entries with distinct names in order.</summary>
    public List<TreeEntry> Entries(int count)
    {
        var names = new SortedSet<byte[]>(Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)));
        while (names.Count < count)
            names.Add(Name());
        return [.. names.Select(Entry)];
    }

    public TreeEntry Entry(byte[] name)
    {
        var type = (TreeEntryType)_random.Next(1, 8);
        var content = type == TreeEntryType.RegularFile ? Content() : null;
        var unreadable = content is EmptyContent && _random.Next(2) == 0;
        return new TreeEntry
        {
            Type = type,
            Name = name,
            Mode = (uint)_random.Next(0x1000),
            UserId = Id(),
            GroupId = Id(),
            Modified = Time(),
            Changed = Time(),
            Inode = _random.Next(4) switch { 0 => ulong.MaxValue, 1 => 0, _ => (ulong)_random.NextInt64() },
            Birth = _random.Next(3) == 0 ? Time() : null,
            HardLinkDevice = _random.Next(3) == 0 ? (ulong)_random.NextInt64() : null,
            InodeFlags = _random.Next(3) == 0 ? (uint)_random.Next(1, int.MaxValue) : 0,
            ExtendedAttributes = _random.Next(4) == 0 ? Attributes() : [],
            ChangedWhileRead = _random.Next(5) == 0,
            UnreadableContent = unreadable,
            Size = unreadable ? _random.NextInt64() : content?.Length ?? 0,
            Content = content,
            Directory = type == TreeEntryType.Directory ? _random.Next(2) == 0 ? EmptyDirectory.Instance : new PagedDirectory(Chunk(), _random.Next(5)) : null,
            LinkTarget = type == TreeEntryType.SymbolicLink ? NonZeroBytes(_random.Next(1, TreeLimits.MaxLinkTarget + 1)) : default,
            DeviceMajor = type is TreeEntryType.BlockDevice or TreeEntryType.CharacterDevice ? Id() : 0,
            DeviceMinor = type is TreeEntryType.BlockDevice or TreeEntryType.CharacterDevice ? Id() : 0,
        };
    }

    public ChunkId Chunk()
    {
        var bytes = new byte[ChunkId.Length];
        _random.NextBytes(bytes);
        return new ChunkId(bytes);
    }

    public List<ContentItem> Items(int count)
    {
        var items = new List<ContentItem>();
        for (var i = 0; i < count; i++)
        {
            var hole = items.Count > 0 && !items[^1].IsHole && _random.Next(10) == 0;
            items.Add(hole ? ContentItem.Hole(_random.NextInt64(1, 1L << 40)) : ContentItem.Data(Chunk(), _random.Next(1, TreeLimits.MaxDataChunk + 1)));
        }
        return items;
    }

    private byte[] Name()
    {
        while (true)
        {
            var name = NonZeroBytes(_random.Next(8) == 0 ? TreeLimits.MaxNameLength : _random.Next(1, 30));
            name.AsSpan().Replace((byte)'/', (byte)'\n');
            if (TreeLimits.CheckName(name) is null)
                return name;
        }
    }

    private byte[] NonZeroBytes(int length)
    {
        var bytes = new byte[length];
        _random.NextBytes(bytes);
        bytes.AsSpan().Replace((byte)0, (byte)0xFF);
        return bytes;
    }

    private uint Id() => _random.Next(3) switch { 0 => 0, 1 => uint.MaxValue, _ => (uint)_random.Next() };

    private FileTimestamp Time() => new(Seconds[_random.Next(Seconds.Length)], (uint)_random.Next(1_000_000_000));

    private ExtendedAttribute[] Attributes()
    {
        var attributes = new ExtendedAttribute[_random.Next(1, 4)];
        for (var i = 0; i < attributes.Length; i++)
        {
            var name = System.Text.Encoding.ASCII.GetBytes($"user.{attributes.Length - i}");
            attributes[i] = _random.Next(4) switch
            {
                0 => new ExtendedAttribute(name, Chunk(), _random.Next(1, 1 << 20)),
                1 => new ExtendedAttribute(name, NonZeroBytes(TreeLimits.MaxAttributeValue)),
                _ => new ExtendedAttribute(name, NonZeroBytes(_random.Next(20))),
            };
        }
        return attributes;
    }

    private FileContent Content() => _random.Next(6) switch
    {
        0 => new InlineContent(NonZeroBytes(_random.Next(1, 513))),
        1 => new BundleSlice(Chunk(), _random.Next(1 << 20), _random.Next(1, 1 << 14)),
        2 => new ChunkList([.. Items(_random.Next(1, TreeLimits.MaxDirectItems + 1))]),
        3 => new IndirectList(Chunk(), _random.Next(4), _random.NextInt64(1, long.MaxValue)),
        4 => new WholeHole(_random.NextInt64(1, long.MaxValue)),
        _ => EmptyContent.Instance,
    };
}
