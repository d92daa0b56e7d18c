using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// The connection of one command to one cluster, and the server's namespace in it. Objects stay JSON both ways, so that
/// nothing that this program does not know is lost on `-o yaml`.
/// </summary>
internal sealed class ClusterSession : IAsyncDisposable
{
    // Somebody waits for the answer: enough for a hiccup, and a cluster that is away is told of within a second.
    private static readonly ApiClientOptions Options = new() { MaxRetries = 2 };

    private readonly ApiClient _api;
    private readonly Uri _server;

    private ClusterSession(ClusterConfig config, string @namespace) => (_api, _server, Namespace) = (new ApiClient(config, Options), config.Server, @namespace);

    public string Namespace { get; }

    /// <exception cref="ClusterConfigException">No cluster can be found. That it answers shows at the first request.</exception>
    public static Task<ClusterSession> ConnectAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var name = ClusterOptions.NamespaceOf(parse);
        // It is part of a path, where dots alone are steps.
        if (name is "." or "..")
            throw new UsageException($"namespace {name}: this is no name of a namespace");
        var config = ClusterConfig.Load(parse.GetValue(ClusterOptions.Kubeconfig), parse.GetValue(ClusterOptions.Kubecontext));
        return Task.FromResult(new ClusterSession(config, name));
    }

    /// <summary>Null when it is not there.</summary>
    public async Task<JsonObject?> FindAsync(VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        // A name is part of a path: one that cannot be a name must not become another request.
        if (name is "" or "." or ".." || name.AsSpan().ContainsAny('/', '?', '#'))
            return null;
        return await AskAsync(kind, $"{kind.Noun} {name}", async () =>
        {
            try
            {
                return WithType((await _api.GetAsync(kind.Resource, Namespace, name, cancellationToken)).Json, kind);
            }
            catch (ApiException exception) when (exception.IsNotFound && IsAboutObject(exception))
            {
                return null;
            }
        });
    }

    /// <exception cref="CommandException">It is not there (NotFound).</exception>
    public async Task<JsonObject> GetAsync(VeleroKind kind, string name, CancellationToken cancellationToken) =>
        await FindAsync(kind, name, cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: not found in namespace {Namespace} (see: kubectl -n {Namespace} get {kind.Plural})");

    public async Task<IReadOnlyList<JsonObject>> GetManyAsync(VeleroKind kind, string[] names, CancellationToken cancellationToken)
    {
        var resources = new List<JsonObject>(names.Length);
        foreach (var name in names)
            resources.Add(await GetAsync(kind, name, cancellationToken));
        return resources;
    }

    /// <summary>All of the kind in the namespace.</summary>
    /// <param name="selector">A label selector as flags write it; empty for all.</param>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(VeleroKind kind, string selector, CancellationToken cancellationToken)
    {
        var options = new ListOptions { LabelSelector = selector };
        var list = await AskAsync(kind, kind.Nouns, () =>
            _api.ListAllAsync(kind.Resource, Namespace, options, KubernetesJsonContext.Default.KubernetesObject, cancellationToken));
        return [.. list.Items.Select(item => item.Json)];
    }

    /// <exception cref="CommandException">It exists, or the cluster refuses it; the message has the cluster's reason.</exception>
    public async Task CreateAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        var what = $"{kind.Noun} {resource.Name()}";
        await AskAsync(kind, what, async () =>
        {
            try
            {
                return await _api.CreateAsync(kind.Resource, Namespace, new KubernetesObject(resource), cancellationToken);
            }
            catch (ApiException exception) when (exception.StatusCode == HttpStatusCode.Conflict)
            {
                throw new CommandException(ExitCode.Failed, $"{what}: there is one already in namespace {Namespace} (choose another name)", exception);
            }
        });
    }

    /// <summary>Deletes it. That someone else was quicker is no error: gone is what was asked for.</summary>
    public Task DeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken) =>
        AskAsync(kind, $"{kind.Noun} {name}", () => _api.DeleteAsync(kind.Resource, Namespace, name, DeleteOptions.Default, cancellationToken));

    /// <summary>Deletes what will go away by itself sooner or later; that it fails matters to nobody.</summary>
    public async Task TryDeleteAsync(VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        try
        {
            await DeleteAsync(kind, name, cancellationToken);
        }
        catch (CommandException)
        {
        }
    }

    /// <summary>Changes the given fields and no others (RFC 7396).</summary>
    public Task PatchAsync(VeleroKind kind, string name, JsonObject patch, CancellationToken cancellationToken) =>
        AskAsync(kind, $"{kind.Noun} {name}", () => _api.PatchAsync(kind.Resource, Namespace, name, patch, cancellationToken));

    /// <summary>An object of any kind, in the session's namespace where the kind lives in one; null when it is not there.</summary>
    public async Task<JsonObject?> FindAsync(ResourceKind kind, string name, CancellationToken cancellationToken) =>
        (await AskAsync(kind, $"{kind.Kind}/{name}", () => _api.FindAsync(kind, NamespaceFor(kind), name, cancellationToken)))?.Json;

    /// <summary>All of any kind, in the session's namespace where the kind lives in one.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(ResourceKind kind, CancellationToken cancellationToken, string selector = "")
    {
        var list = await AskAsync(kind, kind.Plural, () => _api.ListAllAsync(kind, NamespaceFor(kind), new ListOptions { LabelSelector = selector }, KubernetesJsonContext.Default.KubernetesObject, cancellationToken));
        return [.. list.Items.Select(item => item.Json)];
    }

    /// <summary>What a container of a pod in the session's namespace printed. The caller disposes the stream.</summary>
    public Task<Stream> OpenLogAsync(string pod, LogOptions options, CancellationToken cancellationToken) =>
        AskAsync(KubernetesResources.Pods, $"log of pod {pod}", () => _api.OpenLogAsync(Namespace, pod, options, cancellationToken));

    /// <summary>What a service of the cluster answers, by way of the API server; null when it has no such thing. The caller disposes the stream.</summary>
    public Task<Stream?> OpenServiceAsync(string ns, string service, int port, string path, CancellationToken cancellationToken) =>
        AskAsync(KubernetesResources.Services, $"service {ns}/{service}", async () =>
        {
            try
            {
                return (Stream?)await _api.OpenServiceAsync(ns, service, $"{port}", path, cancellationToken);
            }
            catch (ApiException exception) when (exception.IsNotFound && exception.Reason.Length == 0)
            {
                // The service's own words; the API server's would have a reason.
                return null;
            }
        });

    public async Task<string> KubernetesVersionAsync(CancellationToken cancellationToken) =>
        (await AskAsync(KubernetesResources.Pods, "version of the cluster", () => _api.GetServerVersionAsync(cancellationToken))).GitVersion;

    /// <summary>False when there is one of that name already, which stays as it is.</summary>
    public Task<bool> TryCreateAsync(ResourceKind kind, JsonObject resource, CancellationToken cancellationToken) => AskAsync(kind, $"{kind.Kind}/{resource.Name()}", async () =>
    {
        try
        {
            await _api.CreateAsync(kind, NamespaceFor(kind), new KubernetesObject(resource.DeepClone().AsObject()), cancellationToken);
            return true;
        }
        catch (ApiException exception) when (exception.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }
    });

    /// <summary>Server-side apply, which takes over fields that others have set.</summary>
    public Task ApplyAsync(ResourceKind kind, JsonObject resource, string fieldManager, CancellationToken cancellationToken) =>
        AskAsync(kind, $"{kind.Kind}/{resource.Name()}", () => _api.ApplyAsync(kind, NamespaceFor(kind), resource.Name(), new KubernetesObject(resource.DeepClone().AsObject()), fieldManager, force: true, cancellationToken));

    /// <summary>False when there was none.</summary>
    public Task<bool> DeleteAsync(ResourceKind kind, string name, CancellationToken cancellationToken) =>
        AskAsync(kind, $"{kind.Kind}/{name}", () => _api.DeleteAsync(kind, NamespaceFor(kind), name, DeleteOptions.Default, cancellationToken));

    /// <summary>Whether the cluster knows the kind by now.</summary>
    public Task<bool> IsServedAsync(ResourceKind kind, CancellationToken cancellationToken) => AskAsync(kind, kind.GroupResource, async () =>
    {
        try
        {
            await _api.GetAsync(kind, NamespaceFor(kind), "default", cancellationToken);
            return true;
        }
        catch (ApiException exception) when (exception.IsNotFound)
        {
            return IsAboutObject(exception);
        }
    });

    /// <summary>The backup location that holds the files of a backup or a restore; empty when that cannot be told.</summary>
    public async Task<string> StorageLocationOfAsync(VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        if (kind == VeleroKinds.Backup)
            return resource.Raw("spec", "storageLocation");
        return resource.Raw("spec", "backupName") is { Length: > 0 } name && await FindAsync(VeleroKinds.Backup, name, cancellationToken) is { } backup
            ? backup.Raw("spec", "storageLocation")
            : "";
    }

    public ValueTask DisposeAsync()
    {
        _api.Dispose();
        return ValueTask.CompletedTask;
    }

    private string? NamespaceFor(ResourceKind kind) => kind.Namespaced ? Namespace : null;

    private Task<T> AskAsync<T>(VeleroKind kind, string what, Func<Task<T>> request) => AskAsync(kind.Resource, what, request);

    /// <summary>Makes a request; what goes wrong becomes one line for the user.</summary>
    private async Task<T> AskAsync<T>(ResourceKind kind, string what, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (ApiException exception)
        {
            var reason = exception.ServerMessage.Length > 0 ? exception.ServerMessage : $"HTTP {(int)exception.StatusCode}";
            throw exception.StatusCode switch
            {
                _ when exception.IsServerStarting => new CommandException(ExitCode.Failed, $"{what}: the cluster's API server has just been started and is not ready: {reason} (try again in a minute)", exception),
                HttpStatusCode.NotFound when !IsAboutObject(exception) => new CommandException(ExitCode.Failed, $"{what}: the cluster does not know {kind.GroupResource} (install the custom resources first: nodeagent install --crds-only)", exception),
                HttpStatusCode.NotFound => new CommandException(ExitCode.NotFound, $"{what}: {reason}", exception),
                HttpStatusCode.Unauthorized => new CommandException(ExitCode.Failed, $"{what}: the cluster does not accept the credentials (check the kubeconfig)", exception),
                HttpStatusCode.Forbidden => new CommandException(ExitCode.Failed, $"{what}: not allowed: {reason}", exception),
                _ => new CommandException(ExitCode.Failed, $"{what}: the cluster refused it: {reason}", exception),
            };
        }
        catch (HttpRequestException exception)
        {
            var problem = exception switch
            {
                { HttpRequestError: HttpRequestError.InvalidResponse } => $"the answer of {_server} is no JSON object (is it a Kubernetes API server?)",
                { InnerException: TimeoutException } => $"the cluster at {_server} did not answer within {Options.RequestTimeout.TotalSeconds:0} s",
                _ => $"the cluster at {_server} cannot be reached: {(exception.InnerException ?? exception).Message} (check --kubeconfig and --kubecontext)",
            };
            throw new CommandException(ExitCode.Failed, $"{what}: {problem}", exception);
        }
    }

    /// <summary>An unknown kind is answered by "404 page not found", a missing object by a Status that names it.</summary>
    private static bool IsAboutObject(ApiException exception) => exception.Name is { Length: > 0 };

    private static JsonObject WithType(JsonObject resource, VeleroKind kind)
    {
        resource.TryAdd("apiVersion", VeleroKind.ApiVersion);
        resource.TryAdd("kind", kind.Kind);
        return resource;
    }
}
