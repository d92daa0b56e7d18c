namespace NodeAgent.Filesystem.Restore;

/// <summary>Which of the names in a directory of the target the snapshot does not have. Both come in byte order.</summary>
internal sealed class SurplusNames(List<byte[]> there)
{
    private readonly List<byte[]> _surplus = [];
    private int _at;

    /// <summary>The snapshot's next name.</summary>
    public void Pass(ReadOnlySpan<byte> name)
    {
        for (; _at < there.Count; _at++)
        {
            var order = there[_at].AsSpan().SequenceCompareTo(name);
            if (order > 0) return;
            if (order < 0) _surplus.Add(there[_at]);
        }
    }

    /// <summary>All of them, when the snapshot's directory was read to its end.</summary>
    public List<byte[]> End()
    {
        _surplus.AddRange(there.Skip(_at));
        _at = there.Count;
        return _surplus;
    }
}
