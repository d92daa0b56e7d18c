namespace NodeAgent.DevCluster.Patching;

/// <summary>How a list merges: by keys of its items (keys given), as a set of values, or only as a whole.</summary>
internal sealed record ListRule(bool IsSet, IReadOnlyList<string> Keys)
{
    public static readonly ListRule Atomic = new(false, []);
    public static readonly ListRule Set = new(true, []);

    public static ListRule By(params string[] keys) => new(false, keys);

    public bool IsMap => Keys.Count > 0;

    public bool IsAtomic => !IsSet && Keys.Count == 0;
}
