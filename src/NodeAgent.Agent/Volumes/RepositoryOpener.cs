using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;
using NodeAgent.Stores.S3;

namespace NodeAgent.Agent.Volumes;

/// <summary>
/// Opens the repository of a BackupStorageLocation, and makes it at the first backup. Its key is in the Secret
/// <c>velero-repo-credentials</c>: <c>repository-key</c>, made at random by the controller before the first volume is asked for (or by the agent, where it has the
/// right, which <c>daemonset/</c> does not give), or Velero's <c>repository-password</c>.
/// </summary>
internal sealed class RepositoryOpener(ApiClient client, AgentOptions options, ILogger log)
{
    /// <summary>Opens a location's repository. The caller disposes it.</summary>
    /// <param name="forWriting">True makes the repository when there is none, and refuses locations that are read-only.</param>
    /// <exception cref="AgentException">The location or the key is missing or cannot be used.</exception>
    /// <exception cref="RepositoryException">The repository cannot be read.</exception>
    public async Task<ChunkRepository> OpenAsync(string location, bool forWriting, CancellationToken cancellation)
    {
        var found = await client.FindAsync(VeleroResources.BackupStorageLocations, options.Namespace, location, VeleroJsonContext.Default.BackupStorageLocation, cancellation)
            ?? throw new AgentException($"location {location} does not exist in namespace {options.Namespace}");
        if (forWriting && found.Spec.AccessMode == LocationAccessMode.ReadOnly) throw new AgentException($"location {location} is read-only: its accessMode is {LocationAccessMode.ReadOnly}");
        var store = LocationProviders.OpenRepositoryStore(await DescribeAsync(found, cancellation));
        try
        {
            // What the endpoint does is found out once for each node and cache, so that packs need no look before each put.
            if (forWriting && store is S3Store { Capabilities: null } s3)
            {
                foreach (var warning in (await s3.ProbeAsync(cancellation)).Warnings) log.EndpointWarning(location, warning);
            }

            var exists = await store.StatAsync(RepositoryConfig.Key, cancellation) is not null;
            if (!exists && !forWriting) throw new AgentException($"location {location}: there is no repository at {store.Location}; is the location the one that the backup was made to?");
            using var secret = await ReadSecretAsync(exists, store.Location, cancellation);
            return exists ? await OpenAsync(store, secret, cancellation) : await InitializeAsync(location, store, secret, cancellation);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private async Task<ChunkRepository> OpenAsync(IObjectStore store, RepositorySecret secret, CancellationToken cancellation)
    {
        try
        {
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { Time = client.Time, OnDamagedSegment = damage => log.DamagedSegment(store.Location, damage.Message) }, cancellation);
        }
        catch (WrongKeyException)
        {
            throw new AgentException($"the key in Secret {RepositoryCredentials.SecretName} does not open the repository at {store.Location}: put the Secret of the cluster that made it here, with entry {RepositoryCredentials.KeyEntry} or {RepositoryCredentials.PasswordEntry}");
        }
    }

    private async Task<ChunkRepository> InitializeAsync(string location, IObjectStore store, RepositorySecret secret, CancellationToken cancellation)
    {
        try
        {
            var made = await ChunkRepository.InitializeAsync(store, secret, new RepositoryParameters(), client.Time, cancellation);
            log.RepositoryMade(location, store.Location);
            return made;
        }
        catch (RepositoryExistsException)
        {
            // The agent of another node was quicker.
            return await OpenAsync(store, secret, cancellation);
        }
    }

    private async Task<RepositorySecret> ReadSecretAsync(bool repositoryExists, string where, CancellationToken cancellation)
    {
        var found = await client.FindAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation);
        if (found is null && repositoryExists)
        {
            throw new AgentException($"Secret {RepositoryCredentials.SecretName} does not exist in namespace {options.Namespace}, but the repository at {where} does: copy the Secret from the cluster that made it");
        }

        found ??= await MakeSecretAsync(cancellation);
        var data = found.Json["data"] as JsonObject;
        return RepositoryCredentials.Read(name => data?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null);
    }

    private async Task<KubernetesObject> MakeSecretAsync(CancellationToken cancellation)
    {
        var secret = new KubernetesObject(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName);
        secret.Json["type"] = "Opaque";
        secret.Json["data"] = new JsonObject { [RepositoryCredentials.KeyEntry] = RepositoryCredentials.NewKeyEntry() };
        try
        {
            var made = await client.CreateAsync(KubernetesResources.Secrets, options.Namespace, secret, cancellation);
            log.KeyMade(RepositoryCredentials.SecretName);
            return made;
        }
        catch (ApiException e) when (e.IsAlreadyExists)
        {
            // The agent of another node was quicker: its key counts.
            return await client.GetAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation);
        }
        catch (ApiException e) when (e.IsForbidden)
        {
            throw new AgentException($"Secret {RepositoryCredentials.SecretName} does not exist in namespace {options.Namespace}: the controller makes it when a backup asks for its first volume; make a backup, or copy the Secret from another cluster");
        }
    }

    private Task<LocationDescription> DescribeAsync(BackupStorageLocation location, CancellationToken cancellation)
    {
        var (spec, storage) = (location.Spec, location.Spec.ObjectStorage);
        var bare = new LocationDescription
        {
            Name = location.Metadata.Name ?? "",
            Provider = spec.Provider ?? "",
            Bucket = storage?.Bucket ?? "",
            Prefix = storage?.Prefix ?? "",
            Config = spec.Config ?? new Dictionary<string, string>(),
        };
        return new LocationSecrets(options.Namespace, FindSecretAsync).CompleteAsync(bare, EntryOf(spec.Credential), storage?.CaCert, EntryOf(storage?.CaCertRef), cancellation);
    }

    private static SecretEntry? EntryOf(SecretKeySelector? selector) => selector is null ? null : new SecretEntry(selector.Name ?? "", selector.Key ?? "");

    private async Task<IReadOnlyDictionary<string, string>?> FindSecretAsync(string name, CancellationToken cancellation)
    {
        if (name.Length == 0 || await client.FindAsync(KubernetesResources.Secrets, options.Namespace, name, cancellation) is not { } secret) return null;
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in secret.Json["data"] as JsonObject ?? [])
        {
            if (value is JsonValue text && text.TryGetValue<string>(out var encoded)) entries[key] = encoded;
        }

        return entries;
    }
}
