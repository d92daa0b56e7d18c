using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>A way to print entries of a snapshot, one after the other.</summary>
internal interface IEntryLister
{
    void Begin();

    void Add(ReadOnlySpan<byte> path, TreeEntry entry);

    void End();
}
