using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Describe;

namespace NodeAgent.Cli.Tests.Cluster;

public sealed class DescriptionTests
{
    private const string Backup = """
        {"metadata":{"name":"b1","namespace":"velero","labels":{"velero.io/storage-location":"default","team":"red"}},
         "spec":{"includedNamespaces":["shop"],"storageLocation":"default","ttl":"720h0m0s","snapshotVolumes":false,"defaultVolumesToFsBackup":true,
           "hooks":{"resources":[{"name":"freeze","includedNamespaces":["shop"],"pre":[{"exec":{"container":"db","command":["/bin/sync"],"onError":"Fail","timeout":"30s"}}]}]}},
         "status":{"phase":"PartiallyFailed","formatVersion":"1.1.0","startTimestamp":"2026-11-20T11:00:00Z","completionTimestamp":"2026-11-20T11:01:00Z",
           "expiration":"2026-12-20T11:00:00Z","errors":1,"warnings":0,"progress":{"totalItems":44,"itemsBackedUp":43}}}
        """;

    private static readonly BackupFacts Facts = new()
    {
        Backup = JsonNode.Parse(Backup)!.AsObject(),
        Results = JsonNode.Parse("""{"errors":{"namespaces":{"shop":["pod web: volume data: permission denied"]}},"warnings":{}}""")!.AsObject(),
        PodVolumes =
        [
            PodVolume("web", "data", "Failed"),
            PodVolume("db", "data", "Completed"),
        ],
        ResourceList = JsonNode.Parse("""{"v1/Pod":["shop/web","shop/db"]}""")!.AsObject(),
    };

    [Fact]
    public void A_backup_is_described_block_by_block()
    {
        Assert.Equal(
            """
            Name:         b1
            Namespace:    velero
            Labels:       team=red
                          velero.io/storage-location=default
            Annotations:  <none>

            Phase:  PartiallyFailed (run `nodeagent backup logs b1` for more information)

            Warnings:
              Velero:      <none>
              Cluster:     <none>
              Namespaces:  <none>

            Errors:
              Velero:   <none>
              Cluster:  <none>
              Namespaces:
                shop:  pod web: volume data: permission denied

            Namespaces:
              Included:  shop
              Excluded:  <none>

            Resources:
              Included:        *
              Excluded:        <none>
              Cluster-scoped:  auto

            Label selector:  <none>

            Or label selector:  <none>

            Storage Location:  default

            Velero-Native Snapshot PVs:    false
            File System Backup (Default):  true
            Snapshot Move Data:            auto
            Data Mover:                    velero

            TTL:  720h0m0s

            CSISnapshotTimeout:    0s
            ItemOperationTimeout:  0s

            Hooks:
              Resources:
                freeze:
                  Namespaces:
                    Included:  shop
                    Excluded:  <none>

                  Resources:
                    Included:  *
                    Excluded:  <none>

                  Label selector:  <none>

                  Pre Exec Hook:
                    Container:  db
                    Command:    /bin/sync
                    On Error:   Fail
                    Timeout:    30s

            Backup Format Version:  1.1.0

            Started:    2026-11-20 11:00:00 +0000 UTC
            Completed:  2026-11-20 11:01:00 +0000 UTC

            Expiration:  2026-12-20 11:00:00 +0000 UTC

            Total items to be backed up:  44
            Items backed up:              43

            Backup Volumes:
              Velero-Native Snapshots:  <none included>

              CSI Snapshots:  <none included>

              Pod Volume Backups - kopia (specify --details for more information):
                Completed:  1
                Failed:     1

            HooksAttempted:  0
            HooksFailed:     0

            """,
            Describe(details: false));
    }

    [Fact]
    public void Details_name_each_volume_and_each_resource()
    {
        var text = Describe(details: true);
        Assert.Contains("Resource List:\n  v1/Pod:\n    - shop/web\n    - shop/db\n", text, StringComparison.Ordinal);
        Assert.Contains("    Failed:\n      shop/web:  data (cannot read)\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, """
          Velero-Native Snapshots:
            pv-1:  specify --details for more information

          CSI Snapshots:
            shop/files:
              Snapshot:  included, specify --details for more information

          Pod Volume Backups - kopia (specify --details for more information):
            Completed:  1
            Failed:     1

        """)]
    [InlineData(true, """
          Velero-Native Snapshots:
            pv-1:
              Snapshot ID:        snap-1
              Type:               gp3
              Availability Zone:  us-east-1a
              IOPS:               100
              Result:             succeeded

          CSI Snapshots:
            shop/files:
              Snapshot:
                Snapshot Content Name:  content-1
                Storage Snapshot ID:    handle-1
                Snapshot Size (bytes):  1073741824
                CSI Driver:             disk.csi.example.com
                Result:                 succeeded

          Pod Volume Backups - kopia:
            Completed:
              shop/web:  data
            Failed:
              shop/db:  data

        """)]
    public void Snapshots_and_volumes_of_a_backup_that_came_from_a_location_are_told_by_its_files(bool details, string expected)
    {
        var facts = Facts with
        {
            PodVolumes = [],
            Volumes =
            [
                Info("""{"backupMethod":"NativeSnapshot","pvName":"pv-1","result":"succeeded","nativeSnapshotInfo":{"snapshotHandle":"snap-1","volumeType":"gp3","volumeAZ":"us-east-1a","iops":"100"}}"""),
                Info("""{"backupMethod":"CSISnapshot","pvcNamespace":"shop","pvcName":"files","result":"succeeded","preserveLocalSnapshot":true,"csiSnapshotInfo":{"snapshotHandle":"handle-1","size":1073741824,"driver":"disk.csi.example.com","vscName":"content-1"}}"""),
                Info("""{"backupMethod":"PodVolumeBackup","result":"succeeded","pvbInfo":{"uploaderType":"kopia","volumeName":"data","podName":"web","podNamespace":"shop"}}"""),
                Info("""{"backupMethod":"PodVolumeBackup","result":"failed","pvbInfo":{"uploaderType":"kopia","volumeName":"data","podName":"db","podNamespace":"shop","Phase":"Failed"}}"""),
            ],
        };
        var writer = new StringWriter { NewLine = "\n" };
        BackupDescription.Write(new DescriptionWriter(writer), facts, details);
        Assert.Contains("Backup Volumes:\n" + expected.ReplaceLineEndings("\n"), writer.ToString(), StringComparison.Ordinal);

        static JsonObject Info(string json) => JsonNode.Parse(json)!.AsObject();
    }

    [Fact]
    public void JSON_has_the_keys_that_programs_look_for()
    {
        var json = BackupJsonDescription.Build(Facts, details: true);
        Assert.Equal(["metadata", "phase", "errors", "warnings", "spec", "status"], json.Select(pair => pair.Key));
        Assert.Equal("kopia", json["status"]!["backupVolumes"]!["podVolumeBackups"]!["uploderType"]!.GetValue<string>());
        Assert.Equal(44, json["status"]!["totalItemsToBeBackedUp"]!.GetValue<long>());
        Assert.Equal("shop", json["spec"]!["namespaces"]!["included"]!.GetValue<string>());
    }

    [Fact]
    public void A_schedule_that_never_ran_says_so()
    {
        var writer = new StringWriter { NewLine = "\n" };
        var schedule = JsonNode.Parse("""{"metadata":{"name":"s"},"spec":{"schedule":"0 2 * * *","template":{"ttl":"1h0m0s"}}}""")!.AsObject();
        ScheduleDescription.Write(new DescriptionWriter(writer), schedule);
        Assert.Contains("Schedule:  0 2 * * *\n", writer.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("Last Backup:  <never>\n", writer.ToString(), StringComparison.Ordinal);
    }

    private static string Describe(bool details)
    {
        var writer = new StringWriter { NewLine = "\n" };
        BackupDescription.Write(new DescriptionWriter(writer), Facts, details);
        return writer.ToString();
    }

    private static JsonObject PodVolume(string pod, string volume, string phase) => new()
    {
        ["spec"] = new JsonObject { ["pod"] = new JsonObject { ["namespace"] = "shop", ["name"] = pod }, ["volume"] = volume, ["uploaderType"] = "kopia" },
        ["status"] = new JsonObject { ["phase"] = phase, ["message"] = phase == "Failed" ? "cannot read" : "" },
    };
}
