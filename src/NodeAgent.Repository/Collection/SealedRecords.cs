using System.Globalization;
using System.Text.Json;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository.Collection;

/// <summary>The records of a session as sealed objects. A record counts only when its own session sealed it under the name that it has.</summary>
internal sealed class SealedRecords(ChunkRepository repository, EnvelopeCipher cipher) : IProtocolRecords
{
    private const int MaxCollectionLength = 15 << 20;
    private const int SessionOffset = 32;

    public string Session { get; } = Convert.ToHexStringLower(cipher.Salt[..8]);

    public byte[] Seal(CollectionRecord record)
    {
        var json = new CollectionRecordJson(
            CollectionRecord.NameOf(record.Kind),
            record.Number,
            record.Packs.Count == 0 ? null : [.. record.Packs.Select(p => p.Key[PackId.Prefix.Length..])],
            record.Marks.Count == 0 ? null : [.. record.Marks.Select(m => m[ForgetMarks.Prefix.Length..])]);
        return repository.Objects.Seal(cipher, ObjectKind.Collection, EnvelopeType.GcRecord, JsonSerializer.SerializeToUtf8Bytes(json, RepositoryJson.Default.CollectionRecordJson));
    }

    public byte[] Seal(SessionRecord record) =>
        repository.Objects.Seal(cipher, ObjectKind.Session, EnvelopeType.SessionRecord, JsonSerializer.SerializeToUtf8Bytes(record, RepositoryJson.Default.SessionRecord));

    public ValueTask LearnKeyAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => repository.LearnGenerationAsync(content, cancellationToken);

    public CollectionRecord OpenCollection(string key, byte[] content)
    {
        if (!CollectionRecord.TryParseKey(key, out var session, out var kind, out var number)) throw new RepositoryFormatException(key, 0, "this is not the name of a record of collection");
        var plain = repository.Objects.Open(content, key, ObjectKind.Collection, EnvelopeType.GcRecord, MaxCollectionLength);
        RequireOwner(key, content, session);
        CollectionRecordJson? json;
        try
        {
            json = JsonSerializer.Deserialize(plain, RepositoryJson.Default.CollectionRecordJson);
        }
        catch (JsonException)
        {
            json = null;
        }

        if (json?.Kind != CollectionRecord.NameOf(kind) || json.Number != number)
            throw new RepositoryFormatException(key, 0, string.Create(CultureInfo.InvariantCulture, $"the record says that it is {json?.Kind ?? "nothing"}-{json?.Number}: it was renamed"));
        var packs = new List<PackId>();
        foreach (var name in json.Packs ?? []) packs.Add(PackId.TryParse(PackId.Prefix + name, out var pack) ? pack : throw new RepositoryFormatException(key, 0, "the record names what is no pack"));
        return new CollectionRecord(kind, number, packs, [.. (json.Marks ?? []).Select(m => ForgetMarks.Prefix + m)]);
    }

    public SessionRecord OpenSession(string key, byte[] content)
    {
        var plain = repository.Objects.Open(content, key, ObjectKind.Session, EnvelopeType.SessionRecord, WriteSession.MaxRecordLength);
        RequireOwner(key, content, key.Split('/')[1]);
        try
        {
            return JsonSerializer.Deserialize(plain, RepositoryJson.Default.SessionRecord) ?? throw new RepositoryFormatException(key, 0, "the record is empty");
        }
        catch (JsonException)
        {
            throw new RepositoryFormatException(key, 0, "the record is not the JSON of a session");
        }
    }

    private static void RequireOwner(string key, byte[] content, string session)
    {
        if (Convert.ToHexStringLower(content.AsSpan(SessionOffset, 8)) != session)
            throw new RepositoryFormatException(key, SessionOffset, "the record is another session's: it was copied or renamed");
    }
}
