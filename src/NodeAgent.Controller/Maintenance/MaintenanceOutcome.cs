namespace NodeAgent.Controller.Maintenance;

/// <summary>How a run of maintenance ended.</summary>
/// <param name="Result">One of the two words.</param>
/// <param name="Message">What was done, or what went wrong: one line.</param>
internal sealed record MaintenanceOutcome(string Result, string Message)
{
    public const string Succeeded = "Succeeded";
    public const string Failed = "Failed";

    /// <summary>Bytes that the store holds less.</summary>
    public long FreedBytes { get; init; }

    /// <summary>Objects of the repository that are damaged or missing; null when that was not found out.</summary>
    public int? Damaged { get; init; }

    public bool IsSuccess => Result == Succeeded;
}
