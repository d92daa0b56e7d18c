using System.Text.Json;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Snapshots;

/// <summary>What a snapshot object says: what was backed up, when, by whom, with what result, and where the files are. Stored as JSON.</summary>
public sealed record SnapshotManifest
{
    /// <summary>The version that this program writes, and the highest that it reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Issues that are listed; there may have been more (<see cref="IssueCount"/>).</summary>
    public const int MaxIssues = 1000;

    /// <summary>Longest JSON of a snapshot.</summary>
    public const int MaxLength = 16 << 20;

    /// <summary>Version of the format.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>When the backup began.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>When it was complete.</summary>
    public DateTimeOffset? Completed { get; init; }

    /// <summary>The program that wrote it, with its version.</summary>
    public string? Program { get; init; }

    /// <summary>The machine.</summary>
    public string? Hostname { get; init; }

    /// <summary>The user.</summary>
    public string? Username { get; init; }

    /// <summary>What was backed up.</summary>
    public required SnapshotSource Source { get; init; }

    /// <summary>Labels for selection.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>Id of the snapshot that unchanged files were taken from, in hexadecimal.</summary>
    public string? Parent { get; init; }

    /// <summary>Id of the snapshot that this one is a repaired version of, in hexadecimal.</summary>
    public string? RepairOf { get; init; }

    /// <summary>The snapshot of another repository that this one is a copy of; of a copy of a copy, the first.</summary>
    public SnapshotOrigin? CopyOf { get; init; }

    /// <summary>The encoded root entry.</summary>
    public required byte[] Root { get; init; }

    /// <summary>The chunker's parameters at the time.</summary>
    public SnapshotChunker? Chunker { get; init; }

    /// <summary>How it ended.</summary>
    public SnapshotOutcome Outcome { get; init; }

    /// <summary>Whether the run stopped before it had seen everything.</summary>
    public bool Partial { get; init; }

    /// <summary>Counts.</summary>
    public SnapshotStatistics Stats { get; init; } = new();

    /// <summary>What went wrong, at most <see cref="MaxIssues"/>.</summary>
    public IReadOnlyList<SnapshotIssue> Issues { get; init; } = [];

    /// <summary>How much went wrong, listed or not.</summary>
    public long IssueCount { get; init; }

    /// <summary>Names of the owners at the time.</summary>
    public SnapshotOwners? Owners { get; init; }

    /// <summary>Decodes <see cref="Root"/>.</summary>
    /// <exception cref="RepositoryFormatException">The bytes are not a root entry.</exception>
    public TreeEntry ReadRoot() => RootEntry.Decode(Root);

    /// <summary>The JSON, as it is published.</summary>
    /// <exception cref="InvalidOperationException">It is longer than <see cref="MaxLength"/>.</exception>
    public byte[] ToJson()
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(this, SnapshotJson.Default.SnapshotManifest);
        if (json.Length > MaxLength)
            throw new InvalidOperationException($"the snapshot's manifest takes {json.Length} bytes, more than {MaxLength}: fewer tags or owners are needed");
        return json;
    }

    /// <summary>Reads the JSON. Unknown fields are ignored.</summary>
    /// <param name="json">The plaintext of the snapshot object.</param>
    /// <param name="objectKey">The object, for errors.</param>
    /// <exception cref="RepositoryFormatException">It is not a manifest, or one of a newer version.</exception>
    public static SnapshotManifest Parse(ReadOnlySpan<byte> json, string objectKey)
    {
        if (json.Length > MaxLength)
            throw new RepositoryFormatException(objectKey, 0, $"the manifest has {json.Length} bytes, more than {MaxLength}");
        SnapshotManifest? manifest;
        try
        {
            // The version comes first: what else a newer one holds need not parse.
            if (JsonSerializer.Deserialize(json, SnapshotJson.Default.SnapshotVersion) is { Version: var version and not CurrentVersion })
                throw new RepositoryFormatException(objectKey, 0, $"the manifest has version {version}, which needs a newer nodeagent");
            manifest = JsonSerializer.Deserialize(json, SnapshotJson.Default.SnapshotManifest);
        }
        catch (JsonException exception)
        {
            throw new RepositoryFormatException(objectKey, exception.BytePositionInLine ?? 0, "the manifest is not the JSON of a snapshot");
        }
        if (manifest is not { Source: not null, Root: not null, Stats: not null, Tags: not null, Issues: not null })
            throw new RepositoryFormatException(objectKey, 0, "the manifest lacks a field");
        return manifest;
    }
}
