namespace NodeAgent.Kubernetes.Api;

/// <summary>Which objects a list, a watch or a deletion of many is about.</summary>
public sealed record ListOptions
{
    public static readonly ListOptions All = new();

    /// <summary>In the notation of kubectl; <see cref="Selectors.LabelSelectorSyntax.Format"/> makes it from a selector.</summary>
    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>Objects a page; 0 asks for all of them in one. A page is held in memory as a whole.</summary>
    public int PageSize { get; init; } = 500;
}
