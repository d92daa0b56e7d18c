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
/// <remarks>
/// Runs at one location share what is opened, at once and one after another, as long as all that it was opened with is as it was: what the location and its
/// Secrets say (<see cref="LocationIdentity"/>), and what the repository itself says (<see cref="OpeningState"/>). Both are asked for each run.
/// </remarks>
internal sealed class RepositoryOpener(ApiClient client, AgentOptions options, ILogger log) : IAsyncDisposable
{
    private readonly RepositoryKeep _keep = new(options.RepositoryIdle, client.Time);

    /// <summary>Opens a location's repository, or gives one that is open. The caller disposes the lease, never the repository.</summary>
    /// <param name="forWriting">True makes the repository when there is none, and refuses locations that are read-only.</param>
    /// <exception cref="AgentException">The location or the key is missing or cannot be used.</exception>
    /// <exception cref="RepositoryException">The repository cannot be read.</exception>
    public async Task<RepositoryLease> OpenAsync(string location, bool forWriting, CancellationToken cancellation)
    {
        var found = await client.FindAsync(VeleroResources.BackupStorageLocations, options.Namespace, location, VeleroJsonContext.Default.BackupStorageLocation, cancellation)
            ?? throw new AgentException($"location {location} does not exist in namespace {options.Namespace}");
        if (forWriting && found.Spec.AccessMode == LocationAccessMode.ReadOnly) throw new AgentException($"location {location} is read-only: its accessMode is {LocationAccessMode.ReadOnly}");
        var description = await DescribeAsync(found, cancellation);
        var secret = await client.FindAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation);
        var identity = LocationIdentity.Of(found.Metadata.Uid, description, secret);
        return await _keep.TakeAsync(location, identity, kept => IsCurrentAsync(kept, location, forWriting, cancellation), () => OpenAnewAsync(description, secret, identity, forWriting, cancellation), cancellation);
    }

    /// <summary>Closes what no run uses. What a run uses is closed by its end.</summary>
    public ValueTask DisposeAsync() => _keep.DisposeAsync();

    private async Task<bool> IsCurrentAsync(KeptRepository kept, string location, bool forWriting, CancellationToken cancellation)
    {
        if (kept.State is null || kept.State != await OpeningState.ReadAsync(kept.Store, cancellation)) return false;
        // Restores may have opened it.
        if (forWriting) await ProbeAsync(location, kept.Store, cancellation);
        return true;
    }

    private async Task<KeptRepository> OpenAnewAsync(LocationDescription location, KubernetesObject? key, string identity, bool forWriting, CancellationToken cancellation)
    {
        var store = LocationProviders.OpenRepositoryStore(location);
        try
        {
            if (forWriting) await ProbeAsync(location.Name, store, cancellation);
            // Before the repository is opened: what changes meanwhile is then noticed by the next run.
            var state = await OpeningState.ReadAsync(store, cancellation);
            if (state is null && !forWriting) throw new AgentException($"location {location.Name}: there is no repository at {store.Location}; is the location the one that the backup was made to?");
            using var secret = await ReadSecretAsync(key, state is not null, store.Location, cancellation);
            var opened = state is not null ? await OpenAsync(store, secret, cancellation) : await InitializeAsync(location.Name, store, secret, cancellation);
            return new KeptRepository(location.Name, identity, state, store, opened);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the endpoint does is found out once for each node and cache, and what it could not tell now and then, so that packs need no look before each put.</summary>
    private async Task ProbeAsync(string location, IObjectStore store, CancellationToken cancellation)
    {
        if (store is not S3Store s3 || await s3.ProbeIfUnknownAsync(cancellation) is not { } found) return;
        foreach (var warning in found.Warnings) log.EndpointWarning(location, warning);
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

    private async Task<RepositorySecret> ReadSecretAsync(KubernetesObject? found, bool repositoryExists, string where, CancellationToken cancellation)
    {
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
