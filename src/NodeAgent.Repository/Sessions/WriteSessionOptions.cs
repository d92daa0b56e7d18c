using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Sessions;

/// <summary>How a session writes.</summary>
public sealed record WriteSessionOptions
{
    /// <summary>
    /// zstd level, 1 to 19. Compression is nearly half of the work of a first backup. Level 2 makes text 1 % larger than level 3 in three quarters of the
    /// time, and what programs are made of no larger in half of it (zstd 1.5.4, pieces of 1 MiB). It rises, to 7 at most, while the store is slower than the
    /// processors, see <see cref="CompressionPace"/>.
    /// </summary>
    public int CompressionLevel { get; init; } = 2;

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

    /// <summary>For tests: what of the processors is idle, else measured.</summary>
    internal Func<double?>? Idle { get; init; }

    /// <summary>For tests: the lengths of time that collection goes by.</summary>
    internal CollectionTimes Times { get; init; } = CollectionTimes.Default;
}
