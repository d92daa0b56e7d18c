namespace NodeAgent.Filesystem;

/// <summary>How far a backup or a restore is.</summary>
/// <param name="FilesDone">Files finished.</param>
/// <param name="FilesTotal">Files known so far.</param>
/// <param name="BytesDone">Bytes finished.</param>
/// <param name="BytesTotal">Bytes known so far.</param>
/// <param name="TotalIsFinal">Whether the totals will not grow any more.</param>
/// <param name="NewBytes">Bytes that the repository did not have.</param>
/// <param name="CurrentPath">What is being worked on, as printable text.</param>
public readonly record struct RunProgress(long FilesDone, long FilesTotal, long BytesDone, long BytesTotal, bool TotalIsFinal, long NewBytes, string? CurrentPath);
