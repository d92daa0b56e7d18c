namespace NodeAgent.Repository.Collection;

/// <summary>What came of taking a forgotten snapshot back.</summary>
/// <param name="IsDone">False when its data is being removed, or it is gone.</param>
/// <param name="IsInDoubt">Whether something that was sent may still take effect: then the session must not say that it has ended.</param>
internal readonly record struct MarkRemoval(bool IsDone, bool IsInDoubt);
