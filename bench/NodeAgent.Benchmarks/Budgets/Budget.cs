namespace NodeAgent.Benchmarks.Budgets;

/// <summary>A figure with what it may be.</summary>
/// <param name="Name">Its name in bench/budgets.json.</param>
/// <param name="Value">What was measured.</param>
/// <param name="Explanation">What it is, for the reader of the table.</param>
internal sealed record Budget(string Name, double Value, string Explanation);
