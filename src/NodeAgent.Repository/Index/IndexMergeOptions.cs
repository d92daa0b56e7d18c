using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>How segments are merged.</summary>
internal sealed record IndexMergeOptions
{
    /// <summary>Small segments are merged when there are more than so many.</summary>
    public int Most { get; init; } = 64;

    /// <summary>Plain bytes of a merged segment, about: whoever reads it holds it decoded, some three times as much.</summary>
    public int TargetLength { get; init; } = 16 << 20;

    /// <summary>Packs that are to be named no more. Every segment that names one is written anew without it, however large. Null for none.</summary>
    public Predicate<PackId>? Drops { get; init; }

    /// <summary>Of the session whose segments these are to be; null for one of their own. Stays the caller's.</summary>
    public EnvelopeCipher? Cipher { get; init; }
}
