using System.Collections.Immutable;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Resources;

/// <summary>Which resources are served now: the built-in ones and those of the established definitions. Readers see one consistent list.</summary>
internal sealed class ResourceRegistry
{
    private ImmutableArray<ResourceType> _types = [.. BuiltinResources.All];

    public ImmutableArray<ResourceType> Types => _types;

    public ResourceType? Find(string group, string version, string plural) =>
        _types.FirstOrDefault(t => t.Plural == plural && t.Group == group && t.Version == version);

    /// <summary>A built-in resource, or any version of a custom one.</summary>
    public ResourceType Get(string group, string plural) => _types.First(t => t.Is(group, plural));

    public ResourceType? FindKind(string apiVersion, string kind) => _types.FirstOrDefault(t => t.Kind == kind && t.GroupVersion == apiVersion);

    /// <summary>One entry for each resource, whatever its number of versions.</summary>
    public IEnumerable<ResourceType> DistinctStored => _types.Where(t => !t.Virtual).DistinctBy(t => t.StorageKey);

    /// <summary>Called with the store locked, so two definitions never race.</summary>
    public void Serve(JsonObject definition)
    {
        var spec = definition.FindObject("spec") ?? [];
        var names = spec.FindObject("names");
        var versions = spec.Items("versions").ToList();
        var storage = versions.FirstOrDefault(v => v.Flag("storage"))?.Text("name") ?? "";
        var served = versions.Where(v => v.Flag("served")).Select(v => new ResourceType
        {
            Group = spec.Text("group"),
            Version = v.Text("name"),
            Kind = names.Text("kind"),
            ListKind = names.Text("listKind"),
            Plural = names.Text("plural"),
            Singular = names.Text("singular"),
            ShortNames = TextList(names.Find("shortNames")),
            Categories = TextList(names.Find("categories")),
            Namespaced = spec.Text("scope") == "Namespaced",
            HasStatus = v.Find("subresources", "status") is not null,
            HasScale = v.Find("subresources", "scale") is not null,
            Definition = v.Copy(),
            StorageVersion = storage,
        });
        var key = $"{names.Text("plural")}.{spec.Text("group")}";
        _types = [.. _types.Where(t => !(t.IsCustom && t.StorageKey == key)), .. served];
    }

    public void Withdraw(string definitionName) => _types = [.. _types.Where(t => !(t.IsCustom && t.StorageKey == definitionName))];

    private static List<string> TextList(JsonNode? node) => node is JsonArray array ? [.. array.Select(n => n.Text())] : [];
}
