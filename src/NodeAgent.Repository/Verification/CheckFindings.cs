using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Verification;

/// <summary>What a check has found so far. What reading packs found stays found; all else is found again by each walk. For many threads.</summary>
internal sealed class CheckFindings
{
    private readonly ConcurrentQueue<CheckProblem> _problems = new();
    private readonly ConcurrentQueue<CheckProblem> _readProblems = new();
    private readonly ConcurrentDictionary<RepairStep, bool> _remedies = new();
    private readonly ConcurrentDictionary<RepairStep, bool> _readRemedies = new();

    /// <summary>The packs that are part of the repository, and their lengths.</summary>
    public ConcurrentDictionary<PackId, long> Packs { get; } = new();

    /// <summary>Packs that are not whole, and how many bytes of them are there.</summary>
    public ConcurrentDictionary<PackId, long> DamagedPacks { get; } = new();

    /// <summary>Those of them that reading found.</summary>
    public ConcurrentDictionary<PackId, long> UnreadablePacks { get; } = new();

    public ConcurrentDictionary<(ChunkId Chunk, PackId Pack), bool> UnreadableChunks { get; } = new();

    /// <summary>Packs of which reading found that they are not as they were.</summary>
    public ConcurrentDictionary<PackId, bool> AlteredPacks { get; } = new();

    /// <summary>Packs of another length than they had, of which nothing is lost: what was read of them would be told twice.</summary>
    public ConcurrentDictionary<PackId, bool> MendablePacks { get; } = new();

    /// <summary>Something may have been moved while it was looked for.</summary>
    public bool IsIncomplete { get; set; }

    /// <summary>Packs are being read.</summary>
    public bool IsReading { get; set; }

    public IReadOnlyList<CheckProblem> Problems => [.. _readProblems, .. _problems];

    public IReadOnlyList<RepairStep> Repairs => [.. _remedies.Keys.Concat(_readRemedies.Keys).Concat(AlteredPacks.IsEmpty ? [] : [RepairStep.Packs]).Distinct().Order()];

    public void StartWalk()
    {
        _problems.Clear();
        _remedies.Clear();
        Packs.Clear();
        DamagedPacks.Clear();
        IsIncomplete = false;
    }

    public void Remedy(RepairStep step) => (IsReading ? _readRemedies : _remedies).TryAdd(step, true);

    public void Add(CheckProblem problem) => (IsReading ? _readProblems : _problems).Enqueue(problem);

    /// <exception cref="StoreException">The store could not be reached.</exception>
    public void Damage(string key, RepositoryException exception, string hint)
    {
        // A store that cannot be reached is no damage: whoever took it for one would repair what is sound.
        if (exception is StoreException { Failure: StoreFailure.Transient }) ExceptionDispatchInfo.Throw(exception);
        var format = exception as RepositoryFormatException;
        var why = (format?.Why ?? exception.Message).Replace(ChunkReader.Advice, "", StringComparison.Ordinal);
        Add(new CheckProblem(format?.ObjectKey ?? key, format?.Offset, why + (hint.Length > 0 ? $"; {hint}" : ""), IsDamage: true));
    }

    /// <summary>Whether a damaged pack has parity that makes up for the damage, which is then told: readers lose nothing by it, until more is damaged.</summary>
    public async ValueTask<bool> IsMendableAsync(ChunkRepository repository, PackId pack, CancellationToken cancellationToken)
    {
        var verdict = await new ParityRepair(repository).ExamineAsync(pack.Key, cancellationToken);
        if (verdict.State == ParityState.Mendable)
        {
            Add(new CheckProblem(pack.Key, null, $"the pack is damaged in {verdict.DamagedBlocks} of its {verdict.Blocks} blocks, and its parity has what they were: nothing is lost so far", IsDamage: true));
            return true;
        }

        if (verdict.State == ParityState.BeyondMending) Add(new CheckProblem(pack.Key, null, $"its parity cannot mend it: {verdict.Why}", IsDamage: false));
        return false;
    }
}
