using System.Collections.Immutable;

namespace NodeAgent.Repository.Trees;

/// <summary>The content of a file as at most <see cref="TreeLimits.MaxDirectItems"/> items.</summary>
/// <param name="Items">The items in file order, at least one.</param>
public sealed record ChunkList(ImmutableArray<ContentItem> Items) : FileContent
{
    /// <inheritdoc/>
    public override long Length { get; } = Sum(Items);

    /// <summary>Whether both hold the same items.</summary>
    public bool Equals(ChunkList? other) => other is not null && Items.AsSpan().SequenceEqual(other.Items.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Items.Length, Length);

    private static long Sum(ImmutableArray<ContentItem> items)
    {
        long sum = 0;
        foreach (var item in items)
            sum = checked(sum + item.Length);
        return sum;
    }
}
