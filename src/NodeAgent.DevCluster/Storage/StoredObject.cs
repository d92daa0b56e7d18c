using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Storage;

/// <summary>One revision of an object. The content belongs to the store and is never changed; copy it before changing anything.</summary>
internal sealed class StoredObject(string resource, ObjectKey key, long revision, JsonObject content)
{
    public string Resource { get; } = resource;

    public ObjectKey Key { get; } = key;

    public long Revision { get; } = revision;

    public JsonObject Content { get; } = content;
}
