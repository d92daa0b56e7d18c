namespace NodeAgent.DevCluster.Storage;

internal enum StoreEventKind
{
    Added,
    Modified,
    Deleted,
    Bookmark,
}
