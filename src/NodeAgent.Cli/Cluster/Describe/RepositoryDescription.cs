using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Repositories;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`repo describe`: how a repository is maintained, and how that went lately.</summary>
internal static class RepositoryDescription
{
    public static void Write(DescriptionWriter text, JsonObject repository)
    {
        Descriptions.Metadata(text, repository);
        text.Field("Phase", repository.Phase());
        if (repository.Text("status", "message") is { Length: > 0 } message) text.Field("Message", message);
        text.Blank();
        text.Field("Storage Location", repository.Text("spec", "backupStorageLocation"));
        text.Field("Maintenance Frequency", repository.Text("spec", "maintenanceFrequency"));
        text.Field("Paused", RepoPauseCommand.IsPaused(repository) ? "true" : "false");
        text.Pairs("Settings", repository.Pairs("spec", "repositoryConfig"));
        text.Blank();
        text.Field("Last Maintenance", repository.Time("status", "lastMaintenanceTime") is { } time ? Timestamps.Full(time) : "<never>");
        var recent = (repository.Object("status") ?? []).Objects("recentMaintenance").Reverse().ToArray();
        if (recent.Length == 0)
        {
            text.Field("Recent Maintenance", "<none>");
            text.EndBlock();
            return;
        }

        text.Heading("Recent Maintenance");
        using (text.Indent())
        {
            foreach (var run in recent)
                text.Line($"{(run.Time("startTimestamp") is { } began ? Timestamps.Full(began) : "<unknown>")}  {run.Text("result")}{(run.Text("message") is { Length: > 0 } said ? $": {said}" : "")}");
        }

        text.EndBlock();
    }
}
