using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Maintenance;

/// <summary>Opens the repository of a location, which holds the volumes of all its backups, with the key in Secret <c>velero-repo-credentials</c>.</summary>
internal sealed class LocationRepositories(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ILogger log)
{
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
        var entries = await ReadSecretAsync(cancellation);
        using var secret = RepositoryCredentials.Read(name => entries.GetValueOrDefault(name));
        var store = LocationProviders.OpenRepositoryStore(await locations.DescribeAsync(location, cancellation));
        try
        {
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { OnDamagedSegment = damage => log.DamagedSegment(store.Location, damage.Message) }, cancellation);
        }
        catch (WrongKeyException)
        {
            await store.DisposeAsync();
            throw new LocationException($"the key in Secret {RepositoryCredentials.SecretName} does not open the repository at {store.Location}: put the Secret of the cluster that made it here");
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>A key for what this controller leaves in a bucket and must recognise as its own.</summary>
    /// <exception cref="LocationException">The Secret is missing.</exception>
    public async Task<byte[]> DeriveSealAsync(CancellationToken cancellation)
    {
        var entries = await ReadSecretAsync(cancellation);
        var text = entries.GetValueOrDefault(RepositoryCredentials.KeyEntry) ?? entries.GetValueOrDefault(RepositoryCredentials.PasswordEntry) ?? "";
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(text), 32, info: "nodeagent memory of checks"u8.ToArray());
    }

    private async Task<IReadOnlyDictionary<string, string>> ReadSecretAsync(CancellationToken cancellation) =>
        (await cluster.GetAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation))?.StringMap("data")
        ?? throw new LocationException($"Secret {RepositoryCredentials.SecretName} does not exist in namespace {options.Namespace}: copy it from the cluster that made the backups");
}
