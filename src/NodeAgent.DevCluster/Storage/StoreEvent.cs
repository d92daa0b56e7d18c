namespace NodeAgent.DevCluster.Storage;

/// <summary>One change. <see cref="Previous"/> lets a watch with a selector tell an object that came into view from one that changed.</summary>
internal sealed record StoreEvent(StoreEventKind Kind, long Revision, StoredObject? Object, StoredObject? Previous);
