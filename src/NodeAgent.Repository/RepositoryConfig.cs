using System.Security.Cryptography;
using System.Text.Json;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository;

/// <summary>The <c>config</c> object: the repository's identity and parameters, readable by anyone, authenticated by a key.</summary>
public sealed record RepositoryConfig
{
    /// <summary>The object's key in the store.</summary>
    public const string Key = "config";

    /// <summary>The version of repositories that this program reads and writes.</summary>
    public const int Version = ObjectHeader.FormatVersion;

    internal const int MaxLength = 64 << 10;
    private const int MacLength = 32;
    private const string ChunkerKind = "gear64-fastcdc";

    /// <summary>The repository's identity: 16 random bytes in hexadecimal.</summary>
    public required string Id { get; init; }

    /// <summary>When it was made, by the clock of who made it.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The parameters.</summary>
    public required RepositoryParameters Parameters { get; init; }

    internal byte[] RepositoryId => Convert.FromHexString(Id);

    internal byte[] Encode(RootKeys keys)
    {
        var p = Parameters;
        var json = JsonSerializer.SerializeToUtf8Bytes(
            new ConfigJson
            {
                Version = ObjectHeader.FormatVersion,
                Id = Id,
                Created = Created,
                Chunker = new ConfigJson.ChunkerPart(ChunkerKind, p.Chunker.MinSize, p.Chunker.AverageSize, p.Chunker.MaxSize, p.Chunker.Normalization),
                TreePages = new ConfigJson.PagesPart(p.Trees.MinPage, p.Trees.MaxPage, p.Trees.CutBits),
                InlineFileLimit = p.InlineFileLimit,
                InlineDirectoryLimit = p.Trees.InlineDirectoryLimit,
                Bundle = new ConfigJson.BundlePart(p.Bundles.FileLimit, p.Bundles.MinSize, p.Bundles.MaxSize, p.Bundles.CutBits),
                PackTarget = p.PackTarget,
                Requires = [],
            },
            RepositoryJson.Default.ConfigJson);
        var content = new byte[ObjectHeader.Length + json.Length + MacLength];
        new ObjectHeader(ObjectKind.Config, ObjectHeader.NoSession, (uint)(json.Length + MacLength)).Write(RepositoryId, content);
        json.CopyTo(content, ObjectHeader.Length);
        Blake3.KeyedHash(keys.ConfigMacKey, content.AsSpan(..^MacLength), content.AsSpan(^MacLength..));
        return content;
    }

    /// <summary>Reads the object without authenticating it: the keys are not known yet.</summary>
    internal static RepositoryConfig Parse(byte[] content)
    {
        ObjectHeader.Read(content, ObjectKind.Config, [], content.Length, Key);
        if (content.Length < ObjectHeader.Length + MacLength)
            throw new RepositoryFormatException(Key, content.Length, "the object is too short");
        ConfigJson? json;
        try
        {
            json = JsonSerializer.Deserialize(content.AsSpan(ObjectHeader.Length..^MacLength), RepositoryJson.Default.ConfigJson);
        }
        catch (JsonException exception)
        {
            throw new RepositoryFormatException(Key, ObjectHeader.Length + (exception.BytePositionInLine ?? 0), "the config is not valid JSON: restore the object from a copy");
        }

        // The version comes first: a newer config may lack what this version needs.
        if (json is not null && (json.Version != ObjectHeader.FormatVersion || json.Requires is { Length: > 0 }))
            throw new RepositoryFormatException(Key, ObjectHeader.Length, $"the repository has version {json.Version} and requires [{string.Join(", ", json.Requires ?? [])}], which needs a newer nodeagent");
        if (json is not { Chunker: not null, TreePages: not null, Bundle: not null, Id: not null })
            throw new RepositoryFormatException(Key, ObjectHeader.Length, "the config lacks a field: restore the object from a copy");
        if (json.Chunker.Kind != ChunkerKind)
            throw new RepositoryFormatException(Key, ObjectHeader.Length, $"unknown chunker \"{json.Chunker.Kind}\", which needs a newer nodeagent");
        if (json.Id != Convert.ToHexStringLower(ObjectHeader.RepositoryId(content)))
            throw new RepositoryFormatException(Key, ObjectHeader.Length, "the id in the config is not the header's: restore the object from a copy");
        var parameters = new RepositoryParameters
        {
            Chunker = new ChunkerParameters(json.Chunker.Min, json.Chunker.Average, json.Chunker.Max, json.Chunker.Normalization),
            Trees = new TreeParameters(json.TreePages.Min, json.TreePages.Max, json.TreePages.Bits, json.InlineDirectoryLimit),
            InlineFileLimit = json.InlineFileLimit,
            Bundles = new BundleParameters(json.Bundle.FileLimit, json.Bundle.Min, json.Bundle.Max, json.Bundle.Bits),
            PackTarget = json.PackTarget,
        };
        if (parameters.Validate() is { Count: > 0 } errors)
            throw new RepositoryFormatException(Key, ObjectHeader.Length, string.Join("; ", errors));
        return new RepositoryConfig { Id = json.Id, Created = json.Created, Parameters = parameters };
    }

    internal static bool IsAuthentic(byte[] content, RootKeys keys)
    {
        Span<byte> mac = stackalloc byte[MacLength];
        Blake3.KeyedHash(keys.ConfigMacKey, content.AsSpan(..^MacLength), mac);
        return CryptographicOperations.FixedTimeEquals(mac, content.AsSpan(^MacLength..));
    }
}
