using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`schedule describe`.</summary>
internal static class ScheduleDescription
{
    public static void Write(DescriptionWriter text, JsonObject schedule)
    {
        var template = schedule.Object("spec", "template") ?? [];
        Descriptions.Metadata(text, schedule);
        text.Field("Phase", schedule.Phase());
        text.Blank();
        Descriptions.Reference(text, "Resource policies", template.Object("resourcePolicy"));
        BackupSpecDescription.UploaderConfig(text, template);
        Descriptions.ValidationErrors(text, schedule);
        text.Field("Paused", schedule.Flag("spec", "paused") == true ? "true" : "false");
        text.Blank();
        text.Field("Schedule", schedule.Text("spec", "schedule"));
        text.Blank();
        text.Heading("Backup Template");
        using (text.Indent())
            BackupSpecDescription.Write(text, template);
        text.Field("Last Backup", schedule.Time("status", "lastBackup") is { } time ? Timestamps.Full(time) : "<never>");
        text.EndBlock();
    }
}
