using System.Globalization;

namespace NodeAgent.Repository.Objects;

/// <summary>The identity of a pack: the session that wrote it and the hash of its bytes.</summary>
/// <param name="Session">The first 8 bytes of the session's salt, big-endian, so that its digits are the bytes' digits.</param>
/// <param name="Hash">Unkeyed BLAKE3 of the whole object.</param>
public readonly record struct PackId(ulong Session, ChunkId Hash)
{
    internal const string Prefix = "data/";

    /// <summary>The object's key in the store.</summary>
    public string Key => string.Create(CultureInfo.InvariantCulture, $"data/{Session:x16}/{Hash}");

    /// <summary>As <see cref="Key"/>.</summary>
    public override string ToString() => Key;

    /// <summary>Reads a key of the form <c>data/&lt;session&gt;/&lt;hash&gt;</c>.</summary>
    public static bool TryParse(string key, out PackId id)
    {
        id = default;
        var parts = key.Split('/');
        if (parts.Length != 3 || parts[0] != "data" || parts[1].Length != 16
            || !ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var session)
            || !ChunkId.TryParse(parts[2], out var hash))
            return false;
        id = new PackId(session, hash);
        return true;
    }
}
