namespace NodeAgent.Repository.Parity;

/// <summary>How a repository is protected.</summary>
/// <param name="Percent">What new objects get; 0 for nothing.</param>
/// <param name="Objects">Objects that can have parity.</param>
/// <param name="Protected">Those that have.</param>
/// <param name="ObjectBytes">Bytes of the objects.</param>
/// <param name="ParityBytes">Bytes of all parity.</param>
/// <param name="Made">Objects that got parity in this run.</param>
/// <param name="Removed">Parity of objects that are gone, removed in this run.</param>
/// <param name="Damaged">Objects that could not get any: they are not what their names say.</param>
public sealed record ParityReport(int Percent, int Objects, int Protected, long ObjectBytes, long ParityBytes, int Made, int Removed, IReadOnlyList<string> Damaged);
