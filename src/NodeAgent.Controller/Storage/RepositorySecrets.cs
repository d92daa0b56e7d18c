using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Storage;

/// <summary>The Secret <c>velero-repo-credentials</c>, with which the repositories of all locations are opened.</summary>
internal sealed class RepositorySecrets(ClusterClient cluster, ControllerOptions options)
{
    /// <summary>What a repository is opened with. The caller disposes it.</summary>
    /// <param name="mayMake">Whether the Secret is made when there is none: only where there is no repository that another one would have to open.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="LocationException">It is missing or cannot be used.</exception>
    public async Task<RepositorySecret> ReadAsync(bool mayMake, CancellationToken cancellation)
    {
        var entries = await FindAsync(cancellation) ?? (mayMake ? await MakeAsync(cancellation) : null) ?? throw Missing();
        return RepositoryCredentials.Read(name => entries.GetValueOrDefault(name));
    }

    /// <summary>
    /// Makes the Secret where there is none, unless the place has a repository already, which another Secret opens. Agents may not make Secrets: one that is to
    /// be filled with a service account's token would give them the rights of that account.
    /// </summary>
    /// <exception cref="NodeAgent.Repository.Stores.StoreException">The location does not answer as it should.</exception>
    public async Task EnsureAsync(LocationDescription location, CancellationToken cancellation)
    {
        if (await FindAsync(cancellation) is not null) return;
        await using var store = LocationProviders.OpenRepositoryStore(location);
        if (await store.StatAsync(RepositoryConfig.Key, cancellation) is null) await MakeAsync(cancellation);
    }

    /// <summary>A key for what this controller leaves in a bucket and must recognise as its own.</summary>
    /// <exception cref="LocationException">The Secret is missing.</exception>
    public async Task<byte[]> DeriveSealAsync(CancellationToken cancellation)
    {
        var entries = await FindAsync(cancellation) ?? throw Missing();
        var text = entries.GetValueOrDefault(RepositoryCredentials.KeyEntry) ?? entries.GetValueOrDefault(RepositoryCredentials.PasswordEntry) ?? "";
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(text), 32, info: "nodeagent memory of checks"u8.ToArray());
    }

    /// <summary>What is said when the Secret is not the one of the repository.</summary>
    public static LocationException DoesNotOpen(string repository) =>
        new($"the key in Secret {RepositoryCredentials.SecretName} does not open the repository at {repository}: put the Secret of the cluster that made it here");

    private LocationException Missing() =>
        new($"Secret {RepositoryCredentials.SecretName} does not exist in namespace {options.Namespace}: copy it from the cluster that made the backups");

    private async Task<IReadOnlyDictionary<string, string>?> FindAsync(CancellationToken cancellation) =>
        (await cluster.GetAsync(KubernetesResources.Secrets, options.Namespace, RepositoryCredentials.SecretName, cancellation))?.StringMap("data");

    private async Task<IReadOnlyDictionary<string, string>?> MakeAsync(CancellationToken cancellation)
    {
        var secret = new JsonObject
        {
            ["apiVersion"] = KubernetesResources.Secrets.ApiVersion,
            ["kind"] = KubernetesResources.Secrets.Kind,
            ["metadata"] = new JsonObject { ["name"] = RepositoryCredentials.SecretName, ["namespace"] = options.Namespace },
            ["type"] = "Opaque",
            ["data"] = new JsonObject { [RepositoryCredentials.KeyEntry] = RepositoryCredentials.NewKeyEntry() },
        };
        try
        {
            return (await cluster.CreateAsync(KubernetesResources.Secrets, options.Namespace, secret, cancellation)).StringMap("data");
        }
        catch (ApiException e) when (e.IsAlreadyExists)
        {
            // An agent was quicker: its key counts.
            return await FindAsync(cancellation);
        }
    }
}
