using System.Buffers.Binary;
using System.Collections.Concurrent;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// When each pack of a repository was last read and found sound, remembered in a file on this machine, so that checks that read a part each get round.
/// It is worth no more than the machine: whoever can write the file can have a pack passed over. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// offset  size  field                        (integers little-endian)
/// 0       8     ASCII "NAGTCHK1"
/// 8       16    repository id
/// 24      4     u32 n
/// 28      48    n times: u64 session of the pack, its hash (32), i64 when it was verified, seconds since 1970
/// end     32    BLAKE3 of all before it
/// </code>
/// A file that is not so is nobody's fault but the machine's; it counts as empty and is written anew.
/// </remarks>
public sealed class PackVerifications
{
    private const int HeaderLength = 28;
    private const int EntryLength = 48;
    private const int RepositoryIdOffset = 8;

    private readonly ConcurrentDictionary<PackId, DateTimeOffset> _times = new();
    private readonly ConcurrentDictionary<PackId, bool> _dropped = new();
    private readonly byte[] _repositoryId;
    private readonly string _path;

    private PackVerifications(string path, byte[] repositoryId) => (_path, _repositoryId) = (path, repositoryId);

    /// <summary>How many packs are remembered.</summary>
    public int Count => _times.Count;

    /// <summary>Reads what is remembered of a repository; nothing when there is no file, or a damaged one.</summary>
    /// <exception cref="IOException">The file is there and cannot be read.</exception>
    public static PackVerifications Load(string path, ChunkRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        var verifications = new PackVerifications(path, repository.RepositoryId);
        foreach (var (pack, time) in verifications.ReadFile()) verifications._times[pack] = time;
        return verifications;
    }

    /// <summary>When a pack was last found sound; null for never.</summary>
    public DateTimeOffset? TimeOf(PackId pack) => _times.TryGetValue(pack, out var time) ? time : null;

    /// <summary>Notes that a pack was found sound.</summary>
    public void Note(PackId pack, DateTimeOffset time)
    {
        _dropped.TryRemove(pack, out _);
        _times[pack] = time;
    }

    /// <summary>Notes that a pack was found damaged: it is looked at again next time.</summary>
    public void Drop(PackId pack)
    {
        _dropped[pack] = true;
        _times.TryRemove(pack, out _);
    }

    /// <summary>Forgets packs that the repository does not have any more.</summary>
    public void Keep(IReadOnlyCollection<PackId> packs)
    {
        var there = packs.ToHashSet();
        foreach (var pack in _times.Keys.Where(pack => !there.Contains(pack))) Drop(pack);
    }

    /// <summary>Writes the file in one step, together with what other processes have written there meanwhile.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public void Save()
    {
        foreach (var (pack, time) in ReadFile())
        {
            if (!_dropped.ContainsKey(pack)) _times.AddOrUpdate(pack, time, (_, own) => own > time ? own : time);
        }

        var kept = _times.ToList();
        var content = new byte[HeaderLength + ((long)kept.Count * EntryLength) + Blake3.HashLength];
        "NAGTCHK1"u8.CopyTo(content);
        _repositoryId.CopyTo(content, RepositoryIdOffset);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(HeaderLength - 4), kept.Count);
        var at = HeaderLength;
        foreach (var (pack, time) in kept)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(at), pack.Session);
            pack.Hash.CopyTo(content.AsSpan(at + 8, ChunkId.Length));
            BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(at + 40), time.ToUnixTimeSeconds());
            at += EntryLength;
        }

        Blake3.Hash(content.AsSpan(0, at), content.AsSpan(at));
        var directory = Path.GetDirectoryName(_path)!;
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // Two processes may save at the same time; the last one wins, and what the other has added is read again some day.
        var temporary = $"{_path}.{Guid.NewGuid():N}";
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, _path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private List<(PackId Pack, DateTimeOffset Time)> ReadFile()
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(_path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }

        var count = (content.Length - HeaderLength - Blake3.HashLength) / EntryLength;
        if (count < 0 || content.Length != HeaderLength + (count * EntryLength) + Blake3.HashLength
            || !content.AsSpan().StartsWith("NAGTCHK1"u8)
            || !content.AsSpan(RepositoryIdOffset, _repositoryId.Length).SequenceEqual(_repositoryId)
            || BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(HeaderLength - 4)) != count)
            return [];
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content.AsSpan(..^Blake3.HashLength), hash);
        if (!hash.SequenceEqual(content.AsSpan(^Blake3.HashLength..))) return [];
        var entries = new List<(PackId, DateTimeOffset)>(count);
        for (var i = 0; i < count; i++)
        {
            var entry = content.AsSpan(HeaderLength + (i * EntryLength), EntryLength);
            var pack = new PackId(BinaryPrimitives.ReadUInt64LittleEndian(entry), new ChunkId(entry.Slice(8, ChunkId.Length)));
            var seconds = BinaryPrimitives.ReadInt64LittleEndian(entry[40..]);
            // A year that no clock shows: the pack is read again.
            if (seconds is >= 0 and < 1L << 37) entries.Add((pack, DateTimeOffset.FromUnixTimeSeconds(seconds)));
        }

        return entries;
    }
}
