using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Keys;

/// <summary>
/// Who can open a repository: each key object holds all root keys, wrapped for one secret. A change writes what is new before it deletes what it
/// replaces, so that after a stop at any moment whoever could open the repository still can, and the change can be repeated.
/// </summary>
/// <remarks>
/// A rotation adds a root key for what is written from then on. Ids of chunks hang on the first root key for ever, so deduplication goes on; old root keys stay,
/// since what was written under them stays. Of two rotations at once one is refused: by an exclusive fence, or because it sees what the other wrote.
/// </remarks>
public sealed class RepositoryKeys(ChunkRepository repository)
{
    /// <summary>The longest label in bytes.</summary>
    public const int MaxLabelLength = KeyObject.MaxLabelLength;

    private static readonly TimeSpan FenceLifetime = TimeSpan.FromMinutes(5);

    /// <summary>All key objects, the oldest first.</summary>
    public async Task<List<KeyInfo>> ListAsync(CancellationToken cancellationToken) => [.. (await ReadAsync(cancellationToken)).Select(o => o.Info)];

    /// <summary>Lets a secret open the repository.</summary>
    /// <returns>The id of the new key object.</returns>
    /// <exception cref="KeyRefusedException">It does so already.</exception>
    public async Task<string> AddAsync(RepositorySecret secret, string label, CancellationToken cancellationToken)
    {
        await using var fence = await OpenFenceAsync(cancellationToken);
        var objects = await ReadNewestAsync(cancellationToken);
        var opened = objects.Where(o => Opens(o, secret)).ToList();
        if (opened.Find(o => o.Info.IsCurrent) is { Info: { } known })
            throw new KeyRefusedException($"key {known.Id} ({known.Label}) opens with this secret already; nothing was done");
        var id = await WriteAsync(fence, repository.RootKeys, secret, label, cancellationToken);
        // From before a rotation that this secret was left out of.
        foreach (var old in opened) await fence.DeleteAsync(KeyObject.Prefix + old.Info.Id, cancellationToken);
        return id;
    }

    /// <summary>Deletes key objects. Whoever has read one before still knows the root keys that were in it.</summary>
    /// <param name="ids">Full ids.</param>
    /// <param name="evenInUse">Also the one that this process opened the repository with.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="KeyRefusedException">One is not there, is in use, or nothing would be left that opens everything.</exception>
    public async Task RemoveAsync(IReadOnlyCollection<string> ids, bool evenInUse, CancellationToken cancellationToken)
    {
        await using var fence = await OpenFenceAsync(cancellationToken);
        var objects = await ReadAsync(cancellationToken);
        foreach (var id in ids)
        {
            var found = objects.Find(o => o.Info.Id == id).Info ?? throw new KeyRefusedException($"there is no key {id}; nothing was done");
            if (found.IsInUse && !evenInUse)
                throw new KeyRefusedException($"key {id} ({found.Label}) is the one that this command opened the repository with; nothing was done");
        }

        if (!objects.Exists(o => o.Info is { IsCurrent: true, Problem: null } && !ids.Contains(o.Info.Id)))
            throw new KeyRefusedException("no key would be left that opens everything in the repository, and nobody could read it any more; nothing was done (add another key first)");
        foreach (var id in ids) await fence.DeleteAsync(KeyObject.Prefix + id, cancellationToken);
        if (repository.Store.HasExclusiveFences) return;

        // Another process may have removed the others at the same moment, each for its part leaving some. Whoever deletes last sees it, and puts its own back.
        if ((await ReadAsync(CancellationToken.None)).Exists(o => o.Info is { IsCurrent: true, Problem: null })) return;
        foreach (var removed in objects.Where(o => ids.Contains(o.Info.Id) && o.Info.Problem is null))
            await fence.PutAsync(KeyObject.Prefix + removed.Info.Id, removed.Content, CancellationToken.None);
        throw new KeyRefusedException("another process removed the other keys at the same moment, and nobody could have read the repository any more; these were put back (look at \"nodeagent repo key list\")");
    }

    /// <summary>Replaces the secret that this process opened the repository with.</summary>
    /// <returns>The id of the new key object.</returns>
    /// <exception cref="KeyRefusedException">It is the same secret.</exception>
    public async Task<string> ChangeAsync(RepositorySecret secret, CancellationToken cancellationToken)
    {
        await using var fence = await OpenFenceAsync(cancellationToken);
        var objects = await ReadNewestAsync(cancellationToken);
        var own = objects.Find(o => o.Info.IsInUse).Info;
        var opened = objects.Where(o => Opens(o, secret)).ToList();
        if (opened.Exists(o => o.Info.IsInUse)) throw new KeyRefusedException("the new secret is the same as the old one; nothing was done");
        // A change that was stopped has written it already.
        var id = opened.Find(o => o.Info.IsCurrent).Info?.Id ?? await WriteAsync(fence, repository.RootKeys, secret, own?.Label ?? "", cancellationToken);
        foreach (var old in objects.Where(o => Opens(o, repository.Secret)))
            await fence.DeleteAsync(KeyObject.Prefix + old.Info.Id, cancellationToken);
        repository.Adopt(null, secret, id);
        return id;
    }

    /// <summary>
    /// Makes a new root key, which everything is sealed under that is written from then on by who opens the repository anew:
    /// 1. the own key object, with the new root key: from here on it exists, and the own secret opens everything;
    /// 2. those of the other secrets that are at hand;
    /// 3. the objects without it are deleted, the own one at the end.
    /// </summary>
    /// <param name="others">Secrets of other recipients.</param>
    /// <param name="dropOthers">Whether recipients whose secret is not at hand are left out: they open nothing any more until they are added again.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The keys that were left out.</returns>
    /// <exception cref="KeyRefusedException">Some would be left out and that is not wanted, a secret opens no key, or another rotation is under way.</exception>
    public async Task<IReadOnlyList<KeyInfo>> RotateAsync(IReadOnlyCollection<RepositorySecret> others, bool dropOthers, CancellationToken cancellationToken)
    {
        await using var fence = await OpenFenceAsync(cancellationToken);
        var objects = (await ReadNewestAsync(cancellationToken)).Where(o => o.Info.Problem is null).ToList();
        var own = objects.Where(o => Opens(o, repository.Secret)).ToList();
        var covered = new List<(RepositorySecret Secret, List<KeyContent> Objects)>();
        var number = 0;
        foreach (var secret in others)
        {
            number++;
            var opened = objects.Where(o => Opens(o, secret)).ToList();
            if (opened.Count == 0) throw new KeyRefusedException($"secret {number} of the {others.Count} others opens no key of this repository; nothing was done (add its holder with \"nodeagent repo key add\" afterwards)");
            if (!opened.Exists(o => own.Exists(mine => mine.Info.Id == o.Info.Id))) covered.Add((secret, opened));
        }

        var handled = own.Concat(covered.SelectMany(c => c.Objects)).Select(o => o.Info.Id).ToHashSet();
        var left = objects.Where(o => !handled.Contains(o.Info.Id)).Select(o => o.Info).ToList();
        if (left.Count > 0 && !dropOthers)
        {
            throw new KeyRefusedException(
                $"these keys would no longer open the repository, since their secrets are not at hand: {string.Join(", ", left.Select(k => $"{k.Id} ({k.Label})"))}; nothing was done", left);
        }

        using var keys = repository.RootKeys.WithNewGeneration();
        var ids = new List<string> { await WriteAsync(fence, keys, repository.Secret, LabelOf(own), cancellationToken) };
        if ((await ReadAsync(cancellationToken)).Find(o => o.Info.Generations >= keys.Generations.Count && o.Info.Id != ids[0] && o.Info.Problem is null).Info is { } rival)
        {
            await fence.DeleteAsync(KeyObject.Prefix + ids[0], cancellationToken);
            throw new KeyRefusedException($"another rotation is under way, which wrote key {rival.Id}; this one was taken back (wait for the other one)");
        }

        foreach (var (secret, opened) in covered) ids.Add(await WriteAsync(fence, keys, secret, LabelOf(opened), cancellationToken));
        foreach (var old in objects.Where(o => !own.Contains(o)).Concat(own)) await fence.DeleteAsync(KeyObject.Prefix + old.Info.Id, cancellationToken);
        repository.Adopt(keys, repository.Secret, ids[0]);
        return left;
    }

    private static string LabelOf(List<KeyContent> objects) => objects.Count > 0 ? objects[0].Info.Label : "";

    private bool Opens(KeyContent content, RepositorySecret secret)
    {
        // A passphrase costs time on purpose: it is not tried on what a key opens, nor on what nothing opens.
        if (content.Info.Problem is not null || content.Info.Kind != secret.Kind) return false;
        try
        {
            KeyObject.Open(KeyObject.Prefix + content.Info.Id, content.Content, repository.RepositoryId, secret).Dispose();
            return true;
        }
        catch (KeyUnwrapException)
        {
            return false;
        }
    }

    private async Task<string> WriteAsync(IFence fence, RootKeys keys, RepositorySecret secret, string label, CancellationToken cancellationToken)
    {
        var (key, content) = KeyObject.Encode(repository.RepositoryId, keys, secret, label, repository.Time.GetUtcNow());
        await fence.PutAsync(key, content, cancellationToken);
        return key[KeyObject.Prefix.Length..];
    }

    /// <summary>One change at a time, where the store can do that.</summary>
    private ValueTask<IFence> OpenFenceAsync(CancellationToken cancellationToken) =>
        repository.Store.OpenFenceAsync(repository.Store.HasExclusiveFences ? FenceMode.Exclusive : FenceMode.Shared, FenceLifetime, cancellationToken);

    /// <summary>As <see cref="ReadAsync"/>, with the newest root keys at hand: somebody may have rotated them since the repository was opened.</summary>
    private async Task<List<KeyContent>> ReadNewestAsync(CancellationToken cancellationToken)
    {
        var objects = await ReadAsync(cancellationToken);
        var newest = objects.Where(o => o.Info.Problem is null).Select(o => o.Info.Generations).DefaultIfEmpty().Max();
        if (newest <= repository.RootKeys.Generations.Count) return objects;
        await repository.RenewKeysAsync(cancellationToken);
        if (newest > repository.RootKeys.Generations.Count)
            throw new KeyRefusedException("the keys were rotated, and this secret was left out: it opens only what was written before; nothing was done (open the repository with a key that is up to date)");
        return await ReadAsync(cancellationToken);
    }

    private async Task<List<KeyContent>> ReadAsync(CancellationToken cancellationToken)
    {
        var objects = new List<KeyContent>();
        await foreach (var entry in repository.Store.ListAsync(KeyObject.Prefix, cancellationToken))
        {
            var id = entry.Key[KeyObject.Prefix.Length..];
            try
            {
                var content = await repository.Store.ReadAllAsync(entry.Key, KeyObject.MaxLength, cancellationToken);
                objects.Add(new KeyContent(KeyObject.Describe(entry.Key, content, repository.RepositoryId), content));
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Removed meanwhile.
            }
            catch (RepositoryException exception)
            {
                objects.Add(new KeyContent(new KeyInfo(id, null, "", null, 0) { Problem = exception.Message }, []));
            }
        }

        var newest = objects.Where(o => o.Info.Problem is null).Select(o => o.Info.Generations).DefaultIfEmpty().Max();
        return
        [
            .. objects
                .Select(o => o with { Info = o.Info with { IsInUse = o.Info.Id == repository.KeyId, IsCurrent = o.Info.Problem is null && o.Info.Generations == newest } })
                .OrderBy(o => o.Info.Created ?? DateTimeOffset.MaxValue).ThenBy(o => o.Info.Id, StringComparer.Ordinal),
        ];
    }

    private readonly record struct KeyContent(KeyInfo Info, byte[] Content);
}
