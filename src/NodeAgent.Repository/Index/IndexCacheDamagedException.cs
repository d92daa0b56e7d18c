using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A cached index is not what was written. It holds nothing that the repository does not: it is removed and made again.</summary>
internal sealed class IndexCacheDamagedException(string path, string why)
    : RepositoryException($"the cached index {path} is damaged ({why}); it is not used any more and made again from the repository the next time: run the command again");
