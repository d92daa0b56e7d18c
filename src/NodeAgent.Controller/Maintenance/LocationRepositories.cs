using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Maintenance;

/// <summary>Opens the repository of a location, which holds the volumes of all its backups, with the key in Secret <c>velero-repo-credentials</c>.</summary>
internal sealed class LocationRepositories(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ILogger log)
{
    private readonly RepositorySecrets _secrets = new(cluster, options);

    /// <summary>Whether there is one; no volume may have been backed up to the location yet.</summary>
    /// <exception cref="LocationException">The location cannot be used.</exception>
    /// <exception cref="StoreException">It does not answer as it should.</exception>
    public async Task<bool> ExistsAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        await using var store = LocationProviders.OpenRepositoryStore(await locations.DescribeAsync(location, cancellation));
        return await store.StatAsync(RepositoryConfig.Key, cancellation) is not null;
    }

    /// <summary>Opens it. The caller disposes it.</summary>
    /// <exception cref="LocationException">The location or the key is missing or cannot be used.</exception>
    /// <exception cref="RepositoryException">It cannot be read.</exception>
    public async Task<ChunkRepository> OpenAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        using var secret = await _secrets.ReadAsync(mayMake: false, cancellation);
        var store = LocationProviders.OpenRepositoryStore(await locations.DescribeAsync(location, cancellation));
        try
        {
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { OnDamagedSegment = damage => log.DamagedSegment(store.Location, damage.Message) }, cancellation);
        }
        catch (WrongKeyException)
        {
            await store.DisposeAsync();
            throw RepositorySecrets.DoesNotOpen(store.Location);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc cref="RepositorySecrets.DeriveSealAsync"/>
    public Task<byte[]> DeriveSealAsync(CancellationToken cancellation) => _secrets.DeriveSealAsync(cancellation);
}
