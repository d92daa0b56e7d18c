namespace NodeAgent.Repository.Verification;

/// <summary>How far a check is.</summary>
/// <param name="Stage">What it does.</param>
/// <param name="Done">Packs or snapshots done.</param>
/// <param name="Total">Of how many.</param>
/// <param name="BytesDone">Bytes read.</param>
/// <param name="BytesTotal">Bytes to read.</param>
public readonly record struct CheckProgress(string Stage, long Done, long Total, long BytesDone, long BytesTotal);
