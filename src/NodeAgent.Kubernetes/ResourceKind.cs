using System.Text;

namespace NodeAgent.Kubernetes;

/// <summary>A resource type as the API server addresses it: group (empty for core), version, plural and kind.</summary>
public sealed record ResourceKind(string Group, string Version, string Plural, string Kind, bool Namespaced = true)
{
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>Plural with the group, as in <c>deployments.apps</c>; the plural alone for the core group.</summary>
    public string GroupResource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>Path of all objects: of one namespace, or of all of them when the namespace is null or empty. Relative to the server's address.</summary>
    /// <exception cref="ArgumentException">A namespace is given for a resource that has none.</exception>
    public string CollectionPath(string? ns)
    {
        var path = new StringBuilder(Group.Length == 0 ? "api/" : $"apis/{Group}/").Append(Version);
        if (!string.IsNullOrEmpty(ns))
        {
            if (!Namespaced) throw new ArgumentException($"{GroupResource} live in no namespace, so \"{ns}\" cannot be asked for", nameof(ns));
            path.Append("/namespaces/").Append(Segment(ns, "namespace"));
        }

        return path.Append('/').Append(Plural).ToString();
    }

    /// <summary>Path of one object or of one of its subresources. Relative to the server's address.</summary>
    /// <exception cref="ArgumentException">The namespace is missing or unwanted, or a name cannot be part of a path.</exception>
    public string ObjectPath(string? ns, string name, string? subresource = null)
    {
        if (Namespaced && string.IsNullOrEmpty(ns)) throw new ArgumentException($"{GroupResource} \"{name}\" needs a namespace", nameof(ns));
        var path = $"{CollectionPath(ns)}/{Segment(name, "name")}";
        return subresource is null ? path : $"{path}/{subresource}";
    }

    public override string ToString() => $"{GroupResource}/{Version}";

    /// <summary>
    /// Whether an object can have this name at all. Dots alone would be resolved as steps in the path: deleting ".." would delete the collection. A slash,
    /// which a server or something before it may decode first, would lead to another object, perhaps in another namespace.
    /// </summary>
    public static bool IsPossibleName(string name) => name is not (null or "" or "." or "..") && !name.AsSpan().ContainsAny('/', '%');

    private static string Segment(string text, string what) => !IsPossibleName(text)
        ? throw new ArgumentException($"\"{text}\" is not the {what} of an object", nameof(text))
        : Uri.EscapeDataString(text);
}
