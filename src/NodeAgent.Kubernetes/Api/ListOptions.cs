namespace NodeAgent.Kubernetes.Api;

/// <summary>Which objects a list, a watch or a deletion of many is about.</summary>
public sealed record ListOptions
{
    public static readonly ListOptions All = new();

    /// <summary>In the notation of kubectl; <see cref="Selectors.LabelSelectorSyntax.Format"/> makes it from a selector.</summary>
    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>The most objects a page has; 0 asks for all of them in one.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>
    /// The most bytes of text that the objects of a page have together: one that turns out longer is given up and asked for with fewer objects. A single object may
    /// be longer, and so may a list in one piece.
    /// </summary>
    public long PageBytes { get; init; } = 8 << 20;

    /// <summary>
    /// Be content with what the server remembers, which may be a little old, rather than have it read the store. Such a list comes in one piece. For what is asked
    /// again and again until something happens.
    /// </summary>
    public bool FromCache { get; init; }

    /// <summary>Go on with the newest state when the server forgets the one that the first page showed, rather than throw: no object comes twice, but one made or deleted meanwhile may or may not come.</summary>
    public bool MayMixStates { get; init; }

    /// <summary>Only apiVersion, kind and metadata of each object, from servers that know how to leave the rest out.</summary>
    public bool MetadataOnly { get; init; }
}
