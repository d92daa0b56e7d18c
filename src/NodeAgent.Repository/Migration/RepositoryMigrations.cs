using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Migration;

/// <summary>Which migrations a repository needs, and the way to run one.</summary>
/// <param name="repository">The repository.</param>
/// <param name="known">All that there are: <see cref="Known"/>.</param>
public sealed class RepositoryMigrations(ChunkRepository repository, IReadOnlyList<IRepositoryMigration> known)
{
    /// <summary>All that this program has. There has been one version of the format so far, so there is none.</summary>
    public static IReadOnlyList<IRepositoryMigration> Known { get; } = [];

    /// <summary>Those that the repository needs, in the order in which they are to be run.</summary>
    public async Task<IReadOnlyList<IRepositoryMigration>> FindAsync(CancellationToken cancellationToken)
    {
        var needed = new List<IRepositoryMigration>();
        foreach (var migration in known)
        {
            if (migration.FromVersion == RepositoryConfig.Version && await migration.IsNeededAsync(repository, cancellationToken)) needed.Add(migration);
        }

        return needed;
    }

    /// <summary>Runs one; false when there was nothing to do.</summary>
    /// <exception cref="RepositoryException">There is none of that name for this version, or it was run and is still needed.</exception>
    public async Task<bool> ApplyAsync(string name, CancellationToken cancellationToken)
    {
        var migration = known.FirstOrDefault(m => m.Name == name && m.FromVersion == RepositoryConfig.Version)
            ?? throw new RepositoryException($"there is no migration {name} for repositories of version {RepositoryConfig.Version}: {(known.Count == 0 ? "there is none yet" : $"there are {string.Join(", ", known.Select(m => m.Name))}")}");
        if (!await migration.IsNeededAsync(repository, cancellationToken)) return false;
        await migration.ApplyAsync(repository, cancellationToken);
        if (await migration.IsNeededAsync(repository, cancellationToken))
            throw new RepositoryException($"migration {name} was run, and something is left that it should have changed: an older program may be writing to the repository (end it, and run the migration again)");
        return true;
    }
}
