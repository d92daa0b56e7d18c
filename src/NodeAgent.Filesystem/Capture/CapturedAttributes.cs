using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Attributes of a file.</summary>
/// <param name="Extended">As they are stored.</param>
/// <param name="InodeFlags">See <see cref="EntryOf.FlagsOf"/>.</param>
/// <param name="AreComplete">Whether these are all; what is missing is an issue already.</param>
internal sealed record CapturedAttributes(IReadOnlyList<ExtendedAttribute> Extended, uint InodeFlags, bool AreComplete)
{
    private static readonly CapturedAttributes None = new([], 0, true);

    /// <summary>Those of an entry, one object for all that have none: it is kept for every file of which further names may come.</summary>
    /// <param name="entry">As it was described, without content.</param>
    public static CapturedAttributes Of(TreeEntry entry) =>
        entry is { ExtendedAttributes.Count: 0, InodeFlags: 0, ChangedWhileRead: false } ? None : new(entry.ExtendedAttributes, entry.InodeFlags, !entry.ChangedWhileRead);
}
