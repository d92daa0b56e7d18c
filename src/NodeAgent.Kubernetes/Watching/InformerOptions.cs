using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Watching;

/// <summary>What an informer keeps, and how patient it is.</summary>
public sealed record InformerOptions
{
    /// <summary>Null or empty for all namespaces.</summary>
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    public int PageSize { get; init; } = 500;

    /// <summary>How long the server is asked to keep a watch open; up to half as much again is added, so that watches do not end all at once.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A watch on which nothing comes for this long counts as lost. Servers send bookmarks about once a minute.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Wait after the first failure; doubled at each further one.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Source of the jitter; used by one thread at a time.</summary>
    public Random Random { get; init; } = Random.Shared;

    public ILogger Log { get; init; } = NullLogger.Instance;

    /// <summary>Told of objects that do not fit the type. They are not in the cache. Runs like a handler.</summary>
    public Action<MalformedObject>? OnMalformed { get; init; }
}
