namespace NodeAgent.Benchmarks.Maintenance;

/// <summary>A directory of generated files, or two of them whose chunks are stored in turns.</summary>
/// <param name="Seed">What the content follows from.</param>
/// <param name="Name">Of the directory; both have the same one.</param>
/// <param name="FileChunks">For each file, how many chunks it has.</param>
/// <param name="Copies">1, or 2 for two directories of different content.</param>
internal sealed record DirectoryUnit(ulong Seed, string Name, int[] FileChunks, int Copies);
