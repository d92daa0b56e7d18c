using System.Collections;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots.Retention;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Usage;

/// <summary>
/// Finds out what groups of snapshots take, and what they share. Walks the trees of one group after the other, each part of a tree once for each group.
/// Besides the index it takes two bytes and a bit of memory for each chunk, and 16 bytes for each directory page of the largest group.
/// </summary>
public sealed class UsageSurvey(ChunkRepository repository, IProgress<CheckProgress>? progress)
{
    private const int MaxGroups = Shared - 1;
    private const int MaxProblems = 20;

    // What is noted for each chunk: 0 for nobody, the number of the one group, or this.
    private const ushort Shared = ushort.MaxValue;

    private readonly List<string> _problems = [];
    private ushort[] _users = [];

    /// <summary>Runs the survey.</summary>
    /// <exception cref="RepositoryException">There are too many groups, or the index cannot be read.</exception>
    public async Task<UsageReport> ExecuteAsync(IReadOnlyList<SnapshotGroup> groups, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(groups);
        if (groups.Count > MaxGroups) throw new RepositoryException($"the snapshots fall into {groups.Count} groups, more than {MaxGroups}: tell fewer apart");
        await repository.LoadIndexAsync(cancellationToken);
        using var held = repository.Index.HoldOrdinals();
        _users = new ushort[checked((int)repository.Index.OrdinalLimit)];
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var total = groups.Sum(group => group.Snapshots.Count);
        var done = 0;
        var used = new List<(long Chunks, long Content, long Stored)>();
        for (var i = 0; i < groups.Count; i++)
        {
            used.Add(await WalkAsync(tree, groups[i], (ushort)(i + 1), () => progress?.Report(new CheckProgress("snapshots", ++done, total, 0, 0)), cancellationToken));
        }

        var unique = new long[groups.Count];
        long chunks = 0, content = 0, stored = 0, unusedChunks = 0, unusedBytes = 0;
        foreach (var chunk in repository.Index.EnumerateChunks())
        {
            // Of a chunk that is there twice one place is enough.
            var location = chunk.Locations[0].Location;
            var user = chunk.Ordinal < _users.Length ? _users[chunk.Ordinal] : 0;
            if (user == 0)
            {
                unusedChunks++;
                unusedBytes += location.StoredLength;
                continue;
            }

            chunks++;
            stored += location.StoredLength;
            if (location.Kind == ChunkKind.Data) content += location.PlainLength;
            if (user != Shared) unique[user - 1] += location.StoredLength;
        }

        return new UsageReport(
            [.. groups.Select((group, i) => new GroupUsage(group, used[i].Chunks, used[i].Content, used[i].Stored, unique[i]))],
            chunks, content, stored, unusedChunks, unusedBytes, _problems);
    }

    private async Task<(long Chunks, long Content, long Stored)> WalkAsync(TreeReader tree, SnapshotGroup group, ushort number, Action snapshotDone, CancellationToken cancellationToken)
    {
        var walk = new TreeWalk(tree);
        var seen = new BitArray(_users.Length);
        long chunks = 0, content = 0, stored = 0;
        foreach (var snapshot in group.Snapshots)
        {
            TreeEntry root;
            try
            {
                root = snapshot.Manifest.ReadRoot();
            }
            catch (RepositoryException exception)
            {
                Note($"snapshot {snapshot.Id}: {exception.Message}");
                continue;
            }

            await foreach (var reference in walk.ReferencesAsync(root, (_, exception) => Note(exception.Message), cancellationToken))
            {
                // What the index does not name takes no space; a check tells of it.
                if (!repository.Index.TryGetOrdinal(reference.Id, out var found)) continue;
                var ordinal = checked((int)found);
                if (ordinal >= seen.Length)
                {
                    // Chunks that another process has stored since the survey began.
                    seen.Length = ordinal + 1;
                    if (ordinal >= _users.Length) Array.Resize(ref _users, ordinal + 1);
                }

                if (seen[ordinal]) continue;
                seen[ordinal] = true;
                _users[ordinal] = _users[ordinal] == 0 ? number : Shared;
                if (!repository.Index.TryFind(reference.Id, out var location)) continue;
                chunks++;
                stored += location.StoredLength;
                if (location.Kind == ChunkKind.Data) content += location.PlainLength;
            }

            snapshotDone();
        }

        return (chunks, content, stored);
    }

    private void Note(string problem)
    {
        if (_problems.Count < MaxProblems && !_problems.Contains(problem)) _problems.Add(problem);
    }
}
