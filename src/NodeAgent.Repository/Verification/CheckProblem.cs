namespace NodeAgent.Repository.Verification;

/// <summary>Something that a check found.</summary>
/// <param name="ObjectKey">The object, or the chunk.</param>
/// <param name="Offset">Where in it; null when that says nothing.</param>
/// <param name="Message">What is wrong, in one line.</param>
/// <param name="IsDamage">Whether data is lost; else the repository is whole and something is only untidy.</param>
public sealed record CheckProblem(string ObjectKey, long? Offset, string Message, bool IsDamage)
{
    /// <summary>Files of snapshots that cannot be restored because of it, at most <see cref="CheckOptions.MaxFiles"/>.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>How many there are, listed or not.</summary>
    public long FileCount { get; init; }
}
