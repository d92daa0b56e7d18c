using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository;

/// <summary>What is decided when a repository is made and never changes, since equal data must stay equal chunks.</summary>
public sealed record RepositoryParameters
{
    /// <summary>The defaults that docs/format.md gives.</summary>
    public static RepositoryParameters Default { get; } = new();

    /// <summary>How file data is cut.</summary>
    public ChunkerParameters Chunker { get; init; } = ChunkerParameters.Default;

    /// <summary>How directories are stored.</summary>
    public TreeParameters Trees { get; init; } = TreeParameters.Default;

    /// <summary>Bytes up to which a file is held in its directory entry.</summary>
    public int InlineFileLimit { get; init; } = 512;

    /// <summary>How small files are bundled.</summary>
    public BundleParameters Bundles { get; init; } = BundleParameters.Default;

    /// <summary>Bytes at which a pack of file data is complete.</summary>
    public int PackTarget { get; init; } = 16 << 20;

    /// <summary>Everything that is wrong, one sentence each.</summary>
    public IReadOnlyList<string> Validate()
    {
        List<string> errors = [.. Chunker.Validate(), .. Trees.Validate(), .. Bundles.Validate()];
        if (InlineFileLimit is < 0 or > 64 << 10) errors.Add($"inline file limit {InlineFileLimit} is outside 0 to 65536");
        if (PackTarget < 64 << 10 || PackTarget > 256 << 20) errors.Add($"pack target {PackTarget} is outside 64 KiB to 256 MiB");
        if (Chunker.MaxSize > ChunkRepository.MaxChunkLength) errors.Add($"maximum chunk size {Chunker.MaxSize} is above {ChunkRepository.MaxChunkLength}");
        if (Bundles.MaxSize > Chunker.MaxSize) errors.Add($"maximum bundle size {Bundles.MaxSize} is above the maximum chunk size {Chunker.MaxSize}");
        return errors;
    }
}
