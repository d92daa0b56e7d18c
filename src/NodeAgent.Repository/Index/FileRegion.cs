namespace NodeAgent.Repository.Index;

/// <summary>A part of a file.</summary>
internal readonly record struct FileRegion(long Offset, long Length);
