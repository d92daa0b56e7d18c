namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>What a policy would keep and forget in each group.</summary>
/// <param name="Groups">The groups with the decisions, the newest snapshot first.</param>
/// <param name="Total">All snapshots of the repository, whether the policy was applied to them or not.</param>
public sealed record RetentionPlan(IReadOnlyList<(SnapshotGroup Group, IReadOnlyList<RetentionDecision> Decisions)> Groups, int Total)
{
    /// <summary>Up to so many may go at once without further questions.</summary>
    public const int UnquestionedRemovals = 10;

    /// <summary>Makes the plan.</summary>
    public static RetentionPlan Create(RetentionPolicy policy, IEnumerable<Snapshot> chosen, GroupKey by, int total)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return new RetentionPlan([.. SnapshotGroup.Divide(chosen, by).Select(group => (group, (IReadOnlyList<RetentionDecision>)policy.Apply(group.Snapshots)))], total);
    }

    /// <summary>What would be forgotten.</summary>
    public IEnumerable<Snapshot> Removals => Groups.SelectMany(group => group.Decisions).Where(decision => !decision.IsKept).Select(decision => decision.Snapshot);

    /// <summary>
    /// Why this looks like a mistake; null when it does not. It does when a group would be left with nothing, and when more than half of all snapshots would go at once.
    /// </summary>
    public string? Objection
    {
        get
        {
            var empty = Groups.Where(group => group.Decisions.All(decision => !decision.IsKept)).ToList();
            if (empty.Count > 0)
            {
                var first = string.Join(", ", empty[0].Group.Name.Select(part => $"{part.Key} {part.Value}"));
                return $"the policy would leave no snapshot at all of {(first.Length == 0 ? "the repository" : first)}{(empty.Count > 1 ? $" and of {empty.Count - 1} other groups" : "")}";
            }

            var removed = Removals.Count();
            return removed > UnquestionedRemovals && removed * 2 > Total ? $"the policy would forget {removed} of all {Total} snapshots at once" : null;
        }
    }
}
