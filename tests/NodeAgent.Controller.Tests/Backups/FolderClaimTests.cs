using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Deletion;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

/// <summary>Two backups of one name never write into the same folder.</summary>
public sealed class FolderClaimTests
{
    private const string Spec = """{"includedNamespaces":["shop"]}""";

    [Fact]
    public async Task Of_two_clusters_that_make_a_backup_of_the_same_name_at_once_one_does()
    {
        await using var a = await ControllerFixture.StartAsync(start: false);
        await using var b = await ControllerFixture.StartAsync(start: false);
        b.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", $$$"""{"spec":{"config":{"path":"{{{a.LocationPath}}}"} } }""");
        ControllerFixture[] clusters = [a, b];
        foreach (var cluster in clusters)
        {
            cluster.AddShop();
            // Both are under way before either ends.
            cluster.AgentOutcome = null;
            cluster.Api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"nightly","namespace":"velero"},"spec":{{Spec}} }""");
            cluster.StartController();
        }

        await ControllerFixture.WaitUntilAsync(() => clusters.All(c => c.Api.Find(VeleroResources.Backups, "velero", "nightly").Text("status", "phase") is BackupPhase.InProgress or BackupPhase.FailedValidation));
        var claim = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(a.LocationPath, "backups/nightly/nodeagent-claim.json"), TestContext.Current.CancellationToken))!;
        foreach (var cluster in clusters) cluster.AgentOutcome = PodVolumePhase.Completed;
        var ended = new List<JsonObject>();
        foreach (var cluster in clusters) ended.Add(await cluster.WaitForEndAsync(VeleroResources.Backups, "nightly"));
        var refused = Assert.Single(ended, e => e.Text("status", "phase") == BackupPhase.FailedValidation);
        var made = Assert.Single(ended, e => e.Text("status", "phase") == BackupPhase.Completed);
        Assert.Equal(made.Uid(), claim.Text("uid"));
        Assert.Matches("^location \"default\": another backup named \"nightly\" is being made there since 20.*, by another cluster; choose another name, or, if that cluster is gone, delete the file backups/nightly/nodeagent-claim.json$",
            Assert.Single(refused["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
        var files = OthersBackupsTests.Snapshot(a.LocationPath, "nightly");
        Assert.DoesNotContain("nodeagent-claim.json", files.Keys);
        Assert.Equal(made.Uid(), ReadMetadata(a, "nightly").Uid());

        // And the one that was refused goes without it.
        var loser = clusters[ended.IndexOf(refused)];
        loser.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"nightly"}}""");
        await ControllerFixture.WaitUntilAsync(() => loser.Api.Find(VeleroResources.Backups, "velero", "nightly")?.Uid() != refused.Uid());
        Assert.Equal(files, OthersBackupsTests.Snapshot(a.LocationPath, "nightly"));
    }

    [Theory]
    [InlineData("default", true)]
    [InlineData("default,second", true)]
    [InlineData("default,second", false)]
    public async Task A_run_whose_folder_became_anothers_ends_without_touching_it(string locations, bool hasClaim)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = cluster.LocationPath + "-second";
        Directory.CreateDirectory(second);
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$$"""{"metadata":{"name":"second","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{{second}}}"},"objectStorage":{"bucket":""} } }""");
        cluster.AddShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"{{{locations}}}"} },"spec":{{{Spec}}} }""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "b", BackupPhase.InProgress);
        // A program that does not claim, as Velero, or a store that lost the claim.
        var folder = Path.Combine(cluster.LocationPath, "backups/b");
        if (!hasClaim) File.Delete(Path.Combine(folder, "nodeagent-claim.json"));
        await File.WriteAllTextAsync(Path.Combine(folder, "velero-backup.json"), """{"metadata":{"name":"b","uid":"anothers"},"status":{"phase":"Completed"}}""", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "b.tar.gz"), "contents", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "b-logs.gz"), "log", TestContext.Current.CancellationToken);
        var before = OthersBackupsTests.Snapshot(cluster.LocationPath, "b").Where(f => f.Key != "nodeagent-claim.json");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(before, OthersBackupsTests.Snapshot(cluster.LocationPath, "b").Where(f => f.Key != "nodeagent-claim.json"));
        if (locations == "default")
        {
            Assert.Equal(BackupPhase.Failed, backup.Text("status", "phase"));
            Assert.Contains("location \"default\" already has a backup named \"b\"", backup.Text("status", "failureReason"), StringComparison.Ordinal);
        }
        else
        {
            // It is whole where its folder is its own.
            Assert.Equal((BackupPhase.PartiallyFailed, "second"), (backup.Text("status", "phase"), backup.Text("spec", "storageLocation")));
            Assert.True(File.Exists(Path.Combine(second, "backups/b/b.tar.gz")));
        }
    }

    [Fact]
    public async Task A_claim_of_a_backup_that_is_gone_is_taken_over_by_its_installation_and_by_no_other()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var own = cluster.Api.Find(KubernetesResources.Namespaces, null, "velero")!.Uid();
        await ClaimAsync(cluster, "mine", $$"""{"uid":"gone","installation":"{{own}}","since":"2026-01-01T00:00:00Z"}""");
        await ClaimAsync(cluster, "others", """{"uid":"gone","installation":"another","since":"2026-01-01T00:00:00Z"}""");
        await ClaimAsync(cluster, "broken", "{");
        var living = cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"living","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"Failed"}}""");
        await ClaimAsync(cluster, "kept", $$"""{"uid":"{{living.Uid()}}","installation":"{{own}}","since":"2026-01-01T00:00:00Z"}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("mine", Spec)).Text("status", "phase"));
        foreach (var name in new[] { "others", "broken", "kept" })
        {
            var refused = await cluster.BackUpAsync(name, Spec);
            Assert.Equal(BackupPhase.FailedValidation, refused.Text("status", "phase"));
            Assert.Contains("is being made there since", Assert.Single(refused["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_backup_that_cannot_be_made_in_one_of_its_locations_claims_none()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = cluster.LocationPath + "-second";
        Directory.CreateDirectory(Path.Combine(second, "backups/b"));
        await File.WriteAllTextAsync(Path.Combine(second, "backups/b/nodeagent-claim.json"), """{"uid":"another"}""", TestContext.Current.CancellationToken);
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$$"""{"metadata":{"name":"second","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{{second}}}"},"objectStorage":{"bucket":""} } }""");
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"default,second"} },"spec":{{{Spec}}} }""");
        Assert.Equal(BackupPhase.FailedValidation, (await cluster.WaitForEndAsync(VeleroResources.Backups, "b")).Text("status", "phase"));
        Assert.False(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/nodeagent-claim.json")));
        Assert.True(File.Exists(Path.Combine(second, "backups/b/nodeagent-claim.json")));
    }

    [Fact]
    public async Task A_run_that_fails_keeps_nobody_from_its_name()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"b","namespace":"velero"},"spec":{{Spec}} }""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "b", BackupPhase.InProgress);
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/nodeagent-claim.json")));
        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"metadata":{"annotations":{"nodeagent.io/cancel-requested":"test"}}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "b", BackupPhase.Failed);
        Assert.Equal(["b-logs.gz", "b-results.gz"], OthersBackupsTests.Snapshot(cluster.LocationPath, "b").Keys.Order());
    }

    private static async Task ClaimAsync(ControllerFixture cluster, string backup, string content)
    {
        Directory.CreateDirectory(Path.Combine(cluster.LocationPath, "backups", backup));
        await File.WriteAllTextAsync(Path.Combine(cluster.LocationPath, "backups", backup, "nodeagent-claim.json"), content, TestContext.Current.CancellationToken);
    }

    private static JsonNode ReadMetadata(ControllerFixture cluster, string backup) => JsonNode.Parse(File.ReadAllText(Path.Combine(cluster.LocationPath, "backups", backup, "velero-backup.json")))!;
}
