using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Maintenance;

/// <summary>How a repository is maintained: the server's settings, and before them the keys of its <c>spec.repositoryConfig</c> that are ours.</summary>
internal sealed record MaintenanceSettings
{
    private const string ReadDataSubset = "readDataSubset";
    private const string MaxUnused = "maxUnused";

    /// <summary>Share of the packs' bytes that a run reads, 0 to 1.</summary>
    public required double ReadShare { get; init; }

    /// <summary>Share of the packs' bytes that may stay unused.</summary>
    public required double MaxUnusedShare { get; init; }

    /// <summary>Reads them; with what is wrong with one of them in a sentence, or null. Velero's keys concern its own repositories and are passed over.</summary>
    public static (MaintenanceSettings Settings, string? Problem) Of(JsonObject repository, ControllerOptions options)
    {
        var settings = new MaintenanceSettings { ReadShare = options.MaintenanceReadShare, MaxUnusedShare = 0.05 };
        var config = repository.StringMap("spec", "repositoryConfig");
        if (config.TryGetValue(ReadDataSubset, out var read))
        {
            if (!ControllerOptions.TryParseShare(read, out var share)) return (settings, Problem(ReadDataSubset, read));
            settings = settings with { ReadShare = share };
        }

        if (config.TryGetValue(MaxUnused, out var unused))
        {
            if (!ControllerOptions.TryParseShare(unused, out var share)) return (settings, Problem(MaxUnused, unused));
            settings = settings with { MaxUnusedShare = share };
        }

        return (settings, null);
    }

    private static string Problem(string key, string value) => $"spec.repositoryConfig.{key} is \"{value}\" instead of a share from 0% to 100%";
}
