using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Sessions;

/// <summary>How a session writes.</summary>
public sealed record WriteSessionOptions
{
    /// <summary>zstd level, 1 to 19. 3 is restic's and borg's choice too.</summary>
    public int CompressionLevel { get; init; } = 3;

    /// <summary>Packs that are sent at once.</summary>
    public int Uploads { get; init; } = 2;

    /// <summary>The cipher; the machine's preferred one when null.</summary>
    public CipherSuite? Suite { get; init; }

    /// <summary>The program with its version, for the session record.</summary>
    public string? Program { get; init; }

    /// <summary>The machine, for the session record.</summary>
    public string? Hostname { get; init; }

    /// <summary>For tests: the session's salt, else random.</summary>
    internal byte[]? Salt { get; init; }

    /// <summary>For tests: the lengths of time that collection goes by.</summary>
    internal CollectionTimes Times { get; init; } = CollectionTimes.Default;
}
