using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>The order in which every collector goes through packs.</summary>
internal sealed class PackOrder : IComparer<PackId>
{
    public static PackOrder Instance { get; } = new();

    public int Compare(PackId x, PackId y) => x.Session != y.Session ? x.Session.CompareTo(y.Session) : x.Hash.CompareTo(y.Hash);
}
