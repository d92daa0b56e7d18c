namespace NodeAgent.Repository;

/// <summary>The JSON of the config object, as docs/format.md names its fields.</summary>
internal sealed record ConfigJson
{
    public int Version { get; init; }

    public string? Id { get; init; }

    public DateTimeOffset Created { get; init; }

    public ChunkerPart? Chunker { get; init; }

    public PagesPart? TreePages { get; init; }

    public int InlineFileLimit { get; init; }

    public int InlineDirectoryLimit { get; init; }

    public BundlePart? Bundle { get; init; }

    public int PackTarget { get; init; }

    public string[]? Requires { get; init; }

    internal sealed record ChunkerPart(string Kind, int Min, int Average, int Max, int Normalization);

    internal sealed record PagesPart(int Min, int Max, int Bits);

    internal sealed record BundlePart(int FileLimit, int Min, int Max, int Bits);
}
