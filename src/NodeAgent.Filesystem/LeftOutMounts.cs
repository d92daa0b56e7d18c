namespace NodeAgent.Filesystem;

/// <summary>The mounts below a source that a backup did not go into.</summary>
/// <param name="Count">How many.</param>
/// <param name="First">The first of them: path and type of file system.</param>
public sealed record LeftOutMounts(long Count, IReadOnlyList<string> First)
{
    /// <summary>As many as are named.</summary>
    public const int Named = 5;

    /// <summary>No mount was come to.</summary>
    public static LeftOutMounts None { get; } = new(0, []);

    /// <summary>"2 mounts inside were left out: cache (tmpfs), data (fuse.s3fs)"; null where there are none.</summary>
    public override string? ToString() => Count switch
    {
        0 => null,
        1 => $"1 mount inside was left out: {First[0]}",
        _ => $"{Count} mounts inside were left out: {string.Join(", ", First)}{(Count > First.Count ? ", ..." : "")}",
    };
}
