namespace NodeAgent.Repository.Migration;

/// <summary>
/// A change of what a repository stores that a newer program asks for. It may be stopped at any moment and run again, and runs beside backups:
/// what older programs rely on stays until nothing refers to it.
/// </summary>
public interface IRepositoryMigration
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>What it does and why one would want it, in one line.</summary>
    string Description { get; }

    /// <summary>The version of the repositories that it is for.</summary>
    int FromVersion { get; }

    /// <summary>Whether the repository has anything left that it would change.</summary>
    ValueTask<bool> IsNeededAsync(ChunkRepository repository, CancellationToken cancellationToken);

    /// <summary>Does it.</summary>
    Task ApplyAsync(ChunkRepository repository, CancellationToken cancellationToken);
}
