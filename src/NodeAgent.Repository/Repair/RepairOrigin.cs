namespace NodeAgent.Repository.Repair;

/// <summary>Who repairs, for the records that a repair leaves.</summary>
/// <param name="Program">The program with its version.</param>
/// <param name="Hostname">The machine.</param>
public sealed record RepairOrigin(string? Program, string? Hostname);
