using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.SealedFiles;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Storage;

/// <summary>The keys that files at a location are sealed with: those of its repository. They are fetched when they are first needed. Safe for concurrent use.</summary>
/// <param name="location">Where.</param>
/// <param name="mayMake">Whether the repository is made for the first file that is sealed.</param>
/// <param name="secrets">What opens it.</param>
/// <param name="time">For its date.</param>
internal sealed class LocationKeys(LocationDescription location, bool mayMake, RepositorySecrets secrets, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private SealedFileKeys? _keys;

    /// <summary>The keys. They stay this object's.</summary>
    /// <param name="forWriting">Whether there may be no repository yet.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="LocationException">They cannot be had.</exception>
    /// <exception cref="NodeAgent.Repository.Stores.StoreException">The location does not answer as it should.</exception>
    public async Task<SealedFileKeys> GetAsync(bool forWriting, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return _keys ??= await OpenAsync(forWriting, cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Fails when there is a repository whose keys cannot be had. One that is not there yet is made by the first backup.</summary>
    /// <inheritdoc cref="GetAsync"/>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        await using var store = LocationProviders.OpenRepositoryStore(location);
        if (await store.StatAsync(RepositoryConfig.Key, cancellation) is not null) await GetAsync(forWriting: false, cancellation);
    }

    public void Dispose()
    {
        _keys?.Dispose();
        _gate.Dispose();
    }

    private async Task<SealedFileKeys> OpenAsync(bool forWriting, CancellationToken cancellation)
    {
        await using var store = LocationProviders.OpenRepositoryStore(location);
        try
        {
            var exists = await store.StatAsync(RepositoryConfig.Key, cancellation) is not null;
            if (!exists && !(forWriting && mayMake))
            {
                throw new LocationException(forWriting
                    ? $"its files are to be encrypted with the keys of its repository, and there is none at {store.Location}: make a backup to it where it is not read-only, or remove config.{LocationProviders.EncryptMetadata}"
                    : $"there is no repository at {store.Location}, with whose keys files of the location are encrypted: bring its folder {LocationProviders.RepositoryFolder} back from a copy");
            }

            using var secret = await secrets.ReadAsync(mayMake: !exists, cancellation);
            if (!exists) await MakeAsync(secret, cancellation);
            return await SealedFileKeys.OpenAsync(store, secret, cancellation);
        }
        catch (WrongKeyException)
        {
            throw RepositorySecrets.DoesNotOpen(store.Location);
        }
        catch (RepositoryException e) when (e is not NodeAgent.Repository.Stores.StoreException)
        {
            throw new LocationException(e.Message);
        }
    }

    private async Task MakeAsync(NodeAgent.Repository.Crypto.RepositorySecret secret, CancellationToken cancellation)
    {
        // The repository takes the store with it when it is closed.
        var store = LocationProviders.OpenRepositoryStore(location);
        try
        {
            await (await ChunkRepository.InitializeAsync(store, secret, new RepositoryParameters(), time, cancellation)).DisposeAsync();
        }
        catch (Exception e)
        {
            await store.DisposeAsync();
            // An agent may have been quicker.
            if (e is not RepositoryExistsException) throw;
        }
    }
}
