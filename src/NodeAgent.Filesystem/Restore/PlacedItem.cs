using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Part of a file, and where in it, bytes.</summary>
internal readonly record struct PlacedItem(ContentItem Content, long At)
{
    public long End => At + Content.Length;
}
