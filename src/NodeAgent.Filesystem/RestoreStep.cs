using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>One thing that a restore would do.</summary>
/// <param name="Path">Where, from the target.</param>
/// <param name="Kind">What would be done.</param>
/// <param name="Type">What is made, or removed.</param>
/// <param name="Size">The size of a file that is made; 0 otherwise.</param>
public readonly record struct RestoreStep(ReadOnlyMemory<byte> Path, RestoreStepKind Kind, TreeEntryType Type, long Size);
