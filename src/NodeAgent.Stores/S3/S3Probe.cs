using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.S3;

/// <summary>Finds out by some thirty small requests what an endpoint does; removes what it made.</summary>
/// <param name="store">A store there.</param>
/// <param name="endpoint">Of the store.</param>
/// <param name="puts">Of the store: single requests, without the precautions that it takes otherwise.</param>
internal sealed class S3Probe(S3Store store, S3Endpoint endpoint, S3PutRequests puts)
{
    /// <summary>Enough to meet the other processes of a gateway, few enough for one that allows little.</summary>
    private const int Racers = 16;

    /// <summary>How long ago the signature of the late request ran out; more than the clocks of one endpoint's servers differ.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(2);

    private readonly string _folder = $"probe/{Guid.NewGuid():N}/";
    private readonly List<string> _made = [];

    public async Task<S3Capabilities> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await LookAsync(cancellationToken);
        }
        finally
        {
            foreach (var key in _made) await TryDeleteAsync(key);
        }
    }

    private async Task<S3Capabilities> LookAsync(CancellationToken cancellationToken)
    {
        var now = await store.GetTimeAsync(cancellationToken);
        byte[] first = [1], second = [2];
        var one = Key("one");
        // By the store's own way, which tells why when nothing can be written at all, and learns when the condition is not known.
        await store.PutAsync(one, first, cancellationToken);
        var refusesCondition = store.Capabilities?.RefusesCondition == true;
        // 1. A read and a listing right after the put see it.
        var read = await TryReadAsync(one, cancellationToken);
        var listed = await IsListedAsync(one, cancellationToken);
        // 2. A second put of the name is refused and changes nothing.
        var honours = !refusesCondition
            && IsRefusal(await puts.TrySendAsync(one, second, conditional: true, cancellationToken))
            && await TryReadAsync(one, cancellationToken) is null or [1];
        // 3. Of many at once, one wins.
        if (honours)
        {
            var race = Key("race");
            var statuses = await Task.WhenAll(Enumerable.Range(0, Racers).Select(i => puts.TrySendAsync(race, new[] { (byte)i }, conditional: true, cancellationToken).AsTask()));
            honours = statuses.Count(s => s == 200) == 1 && statuses.All(s => s == 200 || IsRefusal(s));
        }

        // 4. A signed address is taken in its time, and only then.
        var inTime = await puts.TrySendSignedAsync(Key("in-time"), first, now, TimeSpan.FromMinutes(5), cancellationToken);
        var late = await puts.TrySendSignedAsync(Key("late"), first, now - Late, TimeSpan.FromSeconds(1), cancellationToken);
        // 5. A body is taken by its signed hash, and one that has another is refused.
        var checksBody = await ChecksBodyHashAsync(first, second, cancellationToken);
        return new S3Capabilities
        {
            ProbedAt = now,
            HonoursConditionalPut = honours,
            RefusesCondition = refusesCondition,
            ReadsAfterPut = read is [1],
            ListsAfterPut = listed,
            RefusesExpired = inTime == 200 && late is 400 or 401 or 403,
            ChecksBodyHash = checksBody,
            KeepsVersions = await endpoint.KeepsVersionsAsync(cancellationToken),
        };
    }

    /// <summary>Only a refusal for this very reason shows it. After any other answer, or none, bodies go on being sent with Content-MD5; null when another try may tell more.</summary>
    private async Task<bool?> ChecksBodyHashAsync(byte[] first, byte[] second, CancellationToken cancellationToken)
    {
        if (await puts.TrySendChangedAsync(Key("body"), first, first, cancellationToken) is { } failure) return failure.IsRetryable ? null : false;
        var changed = Key("changed-body");
        return await puts.TrySendChangedAsync(changed, first, second, cancellationToken) switch
        {
            { Code: "XAmzContentSHA256Mismatch" or "BadDigest" or "InvalidDigest" or "SignatureDoesNotMatch" } => await TryReadAsync(changed, cancellationToken) is null,
            { IsRetryable: true } => null,
            _ => false,
        };
    }

    private string Key(string name)
    {
        _made.Add(_folder + name);
        return _made[^1];
    }

    private async Task<byte[]?> TryReadAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await store.ReadAllAsync(key, maxLength: 16, cancellationToken);
        }
        catch (StoreException e) when (e.Failure == StoreFailure.NotFound)
        {
            return null;
        }
    }

    private async Task<bool> IsListedAsync(string key, CancellationToken cancellationToken)
    {
        var found = false;
        await foreach (var entry in store.ListAsync(_folder, cancellationToken)) found |= entry.Key == key;
        return found;
    }

    /// <summary>What cannot be deleted, in a locked bucket for example, is a byte that nothing reads.</summary>
    private async Task TryDeleteAsync(string key)
    {
        try
        {
            await store.DeleteAsync(key, CancellationToken.None);
        }
        catch (StoreException)
        {
        }
    }

    /// <summary>304: how some servers say 412. 409: another one of the race was under way.</summary>
    private static bool IsRefusal(int status) => status is 412 or 304 or 409;
}
