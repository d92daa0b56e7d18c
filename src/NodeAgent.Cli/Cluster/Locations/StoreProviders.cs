using NodeAgent.Cli.Invocation;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>The kinds of stores that backups can go to. One that is mistyped would only be missed by the controller, much later.</summary>
internal static class StoreProviders
{
    /// <summary>A provider's name without its domain, as of velero.io/aws.</summary>
    /// <exception cref="UsageException">There is none of that name.</exception>
    public static string Require(string given)
    {
        var name = given[(given.LastIndexOf('/') + 1)..];
        var known = LocationProviders.Known;
        return known.Contains(name) ? name : throw new UsageException($"--provider {given}: there is none of that name (give {string.Join(", ", known.SkipLast(1))} or {known[^1]})");
    }
}
