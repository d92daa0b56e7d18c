namespace NodeAgent.Filesystem.Restore;

/// <summary>The names in the target: those that are there already, and those that entries have before they are complete.</summary>
/// <param name="Existing">Says what becomes of one that is in an entry's way.</param>
/// <param name="Temporaries">Makes names for what is not complete yet.</param>
/// <param name="Removal">Removes what the snapshot lacks.</param>
internal sealed record TargetNames(ExistingFiles Existing, TemporaryNames Temporaries, SurplusRemoval Removal);
