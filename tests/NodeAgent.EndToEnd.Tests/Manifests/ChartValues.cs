using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>Values that stand in no manifest, since without the chart <c>nodeagent install</c> or the user makes what they are for.</summary>
internal static class ChartValues
{
    public static readonly IReadOnlyList<ChartValue> OfTheChartAlone =
    [
        new("credentials.secretContents", "{}", ["What is to be in that Secret, for instance cloud: the text of a credentials file. Empty where the Secret is made in another way, or none is needed."])
        {
            Schema = new() { ["additionalProperties"] = new JsonObject { ["type"] = "string" } },
        },
        new("configuration.backupStorageLocation", "[]",
        [
            "Where backups are stored: name (\"default\" if none is given) and the fields of a BackupStorageLocation's spec, for instance",
            "- provider: aws",
            "  default: true",
            "  objectStorage: {bucket: backups, prefix: cluster-1}",
            "  config: {region: eu-west-1}",
        ])
        {
            Schema = LocationsWith("provider"),
        },
        new("configuration.volumeSnapshotLocation", "[]", ["Where snapshots of volumes are made: name and the fields of a VolumeSnapshotLocation's spec."])
        {
            Schema = LocationsWith("provider"),
        },
        new("metrics.dashboard.enabled", "false", ["A ConfigMap with the dashboard, which Grafana's sidecar loads."]),
        new("schedules", "{}", ["Schedules by name, each with the fields of a Schedule's spec."])
        {
            Schema = new()
            {
                ["additionalProperties"] = JsonNode.Parse("""{"type":"object","required":["schedule"],"properties":{"schedule":{"type":"string","minLength":1}}}"""),
            },
        },
    ];

    private static JsonObject LocationsWith(string field) => new()
    {
        ["items"] = JsonNode.Parse($$"""{"type":"object","required":["{{field}}"],"properties":{"name":{"type":"string"},"{{field}}":{"type":"string","minLength":1} } }"""),
    };
}
