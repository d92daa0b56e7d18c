namespace NodeAgent.Cli;

/// <summary>What the process ends with. docs/cli.md lists these for people who write scripts; the numbers never change.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>The run ended, but some files could not be read or restored, or a backup or restore was partially failed.</summary>
    public const int PartiallyFailed = 3;

    public const int RepositoryNotFound = 10;

    /// <summary>Reserved for "locked", which other programs have and this one never needs.</summary>
    public const int Reserved = 11;

    public const int WrongKey = 12;

    /// <summary>A snapshot, a file in it, or a resource of the cluster is not there.</summary>
    public const int NotFound = 13;

    /// <summary>SIGINT, SIGTERM or SIGHUP; 128 + SIGINT, whichever it was.</summary>
    public const int Interrupted = 130;

    /// <summary>Whoever read standard output went away; 128 + SIGPIPE, as for any other filter.</summary>
    public const int OutputClosed = 141;
}
