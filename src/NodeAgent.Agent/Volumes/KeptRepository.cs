using NodeAgent.Repository;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Agent.Volumes;

/// <summary>An open repository that runs share, with all that it was opened with. Its counts belong to the <see cref="RepositoryKeep"/>.</summary>
/// <param name="location">The location's name.</param>
/// <param name="identity">What the location and its Secrets said.</param>
/// <param name="state">What the repository said before it was opened; null for one that was made just now, which only its first run uses.</param>
/// <param name="store">The location's own store, which the repository disposes.</param>
/// <param name="repository">The repository.</param>
internal sealed class KeptRepository(string location, string identity, OpeningState? state, IObjectStore store, ChunkRepository repository)
{
    public string Location => location;

    public string Identity => identity;

    public OpeningState? State => state;

    public IObjectStore Store => store;

    public ChunkRepository Repository => repository;

    /// <summary>Runs that use it now.</summary>
    public int Users { get; set; }

    /// <summary>Rings when nobody has used it for long enough; null while it is in use.</summary>
    public ITimer? Idle { get; set; }
}
