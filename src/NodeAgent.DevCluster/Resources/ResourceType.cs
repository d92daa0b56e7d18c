using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Resources;

/// <summary>One served resource at one version.</summary>
internal sealed record ResourceType
{
    public required string Group { get; init; }

    public required string Version { get; init; }

    public required string Kind { get; init; }

    public required string Plural { get; init; }

    public required bool Namespaced { get; init; }

    public string Singular { get; init; } = "";

    public string ListKind { get; init; } = "";

    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Status is written through its own subresource and ignored in writes of the object itself.</summary>
    public bool HasStatus { get; init; }

    public bool HasScale { get; init; }

    /// <summary>The object answers a POST and is kept nowhere (access reviews).</summary>
    public bool Virtual { get; init; }

    /// <summary>This version's part of the CustomResourceDefinition; null for a built-in resource.</summary>
    public JsonObject? Definition { get; init; }

    /// <summary>The version in which custom resources are stored.</summary>
    public string StorageVersion { get; init; } = "";

    public bool IsCustom => Definition is not null;

    public JsonObject? Schema => Definition?["schema"]?["openAPIV3Schema"] as JsonObject;

    public string GroupVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    public string StorageApiVersion => StorageVersion.Length == 0 ? GroupVersion : $"{Group}/{StorageVersion}";

    /// <summary>All versions of a resource share their objects, so the key leaves the version out.</summary>
    public string StorageKey => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public string QualifiedName => StorageKey;

    public string QualifiedKind => Group.Length == 0 ? Kind : $"{Kind}.{Group}";

    public bool Is(string group, string plural) => Group == group && Plural == plural;
}
