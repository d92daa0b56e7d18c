using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Keys;

/// <summary>A change of the keys would do harm, or makes no sense; nothing was done. The message says why, and what to do.</summary>
public sealed class KeyRefusedException : RepositoryException
{
    internal KeyRefusedException(string message, IReadOnlyList<KeyInfo>? leftOut = null)
        : base(message) => LeftOut = leftOut ?? [];

    /// <summary>Keys that a rotation would take away because their secrets are not at hand, when that is the reason.</summary>
    public IReadOnlyList<KeyInfo> LeftOut { get; }
}
