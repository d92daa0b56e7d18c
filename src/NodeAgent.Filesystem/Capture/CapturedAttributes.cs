using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Attributes of a file.</summary>
/// <param name="Extended">As they are stored.</param>
/// <param name="InodeFlags">See <see cref="EntryOf.FlagsOf"/>.</param>
/// <param name="AreComplete">Whether these are all; what is missing is an issue already.</param>
internal sealed record CapturedAttributes(IReadOnlyList<ExtendedAttribute> Extended, uint InodeFlags, bool AreComplete);
