using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Stores;

/// <summary>The store refused a write because its fence is too old: whoever looked before writing must look again.</summary>
public sealed class FenceExpiredException(string key, TimeSpan lifetime)
    : RepositoryException($"writing {key}: the store refused it because more than {lifetime.TotalSeconds:0} s have passed since this process looked at the repository; it was held up (a frozen machine, a slow network)");
