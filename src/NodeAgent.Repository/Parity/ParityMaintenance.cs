using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Parity;

/// <summary>Turns parity on and off, and makes what is missing of it. May run beside anything.</summary>
public sealed class ParityMaintenance(ChunkRepository repository)
{
    /// <summary>What a percentage may be.</summary>
    public const string Range = "1 to 50";

    private readonly IObjectStore _store = repository.Store is ParityStore parity ? parity.Inner : repository.Store;

    /// <summary>Whether a percentage is one.</summary>
    public static bool IsPercent(int percent) => percent is >= ParityLayout.MinPercent and <= ParityLayout.MaxPercent;

    /// <summary>From now on every run that opens the repository makes parity for what it writes; 0 ends that.</summary>
    /// <exception cref="RepositoryException">The store is one for which parity is not made, or could not be written.</exception>
    public async Task SetAsync(int percent, CancellationToken cancellationToken)
    {
        if (!_store.HasExclusiveFences) throw new RepositoryException($"parity in {_store.Location}: it is for repositories in directories; an object store keeps copies itself (nothing was changed)");
        while (true)
        {
            var before = await ReadPolicyAsync(cancellationToken);
            if (before?.Damage is null && (before?.Percent ?? 0) == percent) return;
            if (await new ParityPolicy(percent, (before?.Number ?? 0) + 1).WriteAsync(_store, repository.RootKeys, repository.RepositoryId, cancellationToken)) return;
        }
    }

    /// <summary>How the repository is protected.</summary>
    public Task<ParityReport> SurveyAsync(CancellationToken cancellationToken) => RunAsync(isUpdate: false, null, cancellationToken);

    /// <summary>Makes parity for what has none, and removes that of objects that are gone; all of it when parity is off.</summary>
    public Task<ParityReport> UpdateAsync(IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken) => RunAsync(isUpdate: true, progress, cancellationToken);

    private async Task<ParityPolicy?> ReadPolicyAsync(CancellationToken cancellationToken) => await ParityPolicy.ReadAsync(_store, repository.RootKeys, repository.RepositoryId, cancellationToken);

    private async Task<ParityReport> RunAsync(bool isUpdate, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        var policy = await ReadPolicyAsync(cancellationToken);
        // Not to be taken for off, which removes all of it.
        if (policy?.Damage is { } damage) throw new RepositoryException($"{damage.Message}; run \"nodeagent repo parity on\" or \"off\" to say it again", damage);
        var percent = policy?.Percent ?? 0;
        // Parity first: one whose object is not in the later list belongs to an object that was deleted.
        var parities = new Dictionary<string, long>();
        await foreach (var entry in _store.ListAsync(ParityStore.Prefix, cancellationToken)) parities[entry.Key] = entry.Length;
        var objects = new Dictionary<string, long>();
        foreach (var prefix in (string[])[PackId.Prefix, IndexSegment.Prefix, SnapshotCatalog.Prefix])
        {
            await foreach (var entry in _store.ListAsync(prefix, cancellationToken))
            {
                if (ObjectHash.In(entry.Key) is not null && entry.Length is > 0 and <= ParityLayout.MaxLength) objects[entry.Key] = entry.Length;
            }
        }

        var (made, removed) = (0, 0);
        var damaged = new List<string>();
        if (isUpdate)
        {
            foreach (var key in parities.Keys.Where(key => percent == 0 || !objects.ContainsKey(key[ParityStore.Prefix.Length..])).ToList())
            {
                if (await _store.DeleteAsync(key, cancellationToken)) removed++;
                parities.Remove(key);
            }

            var lacking = percent == 0 ? [] : objects.Keys.Where(key => !parities.ContainsKey(ParityStore.KeyOf(key))).ToList();
            foreach (var key in lacking)
            {
                progress?.Report((made, lacking.Count));
                if (await MakeAsync(key, percent, cancellationToken) is not { } length)
                {
                    damaged.Add(key);
                    continue;
                }

                parities[ParityStore.KeyOf(key)] = length;
                made++;
            }
        }

        var isProtected = objects.Keys.Count(key => parities.ContainsKey(ParityStore.KeyOf(key)));
        return new ParityReport(percent, objects.Count, isProtected, objects.Values.Sum(), parities.Values.Sum(), made, removed, damaged);
    }

    /// <summary>The length of what was made; null when the object is damaged or gone: parity of damage would keep the damage.</summary>
    private async Task<long?> MakeAsync(string key, int percent, CancellationToken cancellationToken)
    {
        try
        {
            var content = await _store.ReadAllAsync(key, ParityLayout.MaxLength, cancellationToken);
            if (ObjectHash.Of(content) != ObjectHash.In(key)) return null;
            var parity = ParityObject.Encode(content, percent, repository.RepositoryId);
            await _store.PutAsync(ParityStore.KeyOf(key), parity, cancellationToken);
            return parity.Length;
        }
        catch (StoreException exception) when (exception.Failure is StoreFailure.NotFound or StoreFailure.Other)
        {
            return null;
        }
    }
}
