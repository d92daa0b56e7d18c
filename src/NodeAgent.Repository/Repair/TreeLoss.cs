namespace NodeAgent.Repository.Repair;

/// <summary>Something of a snapshot that is lost.</summary>
/// <param name="Kind">What.</param>
/// <param name="Path">The file or directory, by its path from the root.</param>
/// <param name="LostBytes">Bytes of the file, or of the value of an attribute, that are lost; 0 when that is not known.</param>
/// <param name="Size">Bytes that the file had.</param>
/// <param name="Entries">Of a directory, entries that are lost with all below them; null when nobody knows how many.</param>
/// <param name="Detail">Which of them, for people; empty when nothing more can be said.</param>
public sealed record TreeLoss(TreeLossKind Kind, ReadOnlyMemory<byte> Path, long LostBytes, long Size, long? Entries, string Detail);
