namespace NodeAgent.Filesystem;

/// <summary>How far a run is.</summary>
/// <param name="FilesDone">Entries done.</param>
/// <param name="FilesTotal">Entries known so far.</param>
/// <param name="BytesDone">Bytes of content done.</param>
/// <param name="BytesTotal">Bytes of content known so far.</param>
/// <param name="TotalIsFinal">Whether the totals grow no more.</param>
/// <param name="NewBytes">Bytes that were new to the repository.</param>
/// <param name="CurrentPath">The file at hand, printable.</param>
public sealed record RunProgress(
    long FilesDone, long FilesTotal, long BytesDone, long BytesTotal, bool TotalIsFinal, long NewBytes, string? CurrentPath);
