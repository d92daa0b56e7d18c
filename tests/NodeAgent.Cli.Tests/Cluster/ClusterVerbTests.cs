using System.IO.Compression;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Cluster;

public sealed class ClusterVerbTests : IAsyncDisposable
{
    private readonly ApiServerStandIn _server = new();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Backups_are_listed_as_a_table_with_Veleros_columns()
    {
        PutBackup("b1", "Completed");
        PutBackup("b2", "Failed");
        var lines = (await RunAsync("backup", "get")).Expect(0).Output.Split('\n');
        Assert.Matches("^NAME +STATUS +ERRORS +WARNINGS +CREATED +EXPIRES +STORAGE LOCATION +QUEUE POSITION +SELECTOR$", lines[0]);
        Assert.Matches(@"^b1 +Completed +0 +0 +2026-11-20 10:00:00 \+0000 UTC +\S+.* default +<none>$", lines[1]);
        Assert.Equal(lines, (await RunAsync("get", "backups")).Expect(0).Output.Split('\n'));
        Assert.Contains("LABELS", (await RunAsync("backup", "get", "--show-labels")).Expect(0).Output, StringComparison.Ordinal);
        var labelled = (await RunAsync("backup", "get", "-L", "team", "b1")).Expect(0).Output.Split('\n');
        Assert.EndsWith("TEAM", labelled[0], StringComparison.Ordinal);
        Assert.EndsWith("red", labelled[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task JSON_of_one_is_the_object_and_of_several_a_list()
    {
        PutBackup("b1", "Completed");
        var one = JsonNode.Parse((await RunAsync("backup", "get", "-o", "json")).Expect(0).Output)!;
        Assert.Equal("Backup", one["kind"]!.GetValue<string>());
        Assert.Equal("kept", one["spec"]!["unknownField"]!.GetValue<string>());
        PutBackup("b2", "Completed");
        var list = JsonNode.Parse((await RunAsync("backup", "get", "-o", "json")).Expect(0).Output)!;
        Assert.Equal("BackupList", list["kind"]!.GetValue<string>());
        Assert.Equal(2, list["items"]!.AsArray().Count);
        var yaml = (await RunAsync("backup", "get", "b2", "-o", "yaml")).Expect(0).Output;
        Assert.StartsWith("apiVersion: velero.io/v1\nkind: Backup\nmetadata:\n", yaml, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_to_list_is_said_on_standard_error()
    {
        var result = (await RunAsync("restore", "get")).Expect(0);
        Assert.Empty(result.Output);
        Assert.Contains("no restores found in namespace velero", result.Error, StringComparison.Ordinal);
        Assert.Empty(JsonNode.Parse((await RunAsync("restore", "get", "-o", "json")).Expect(0).Output)!["items"]!.AsArray());
    }

    [Fact]
    public async Task A_resource_that_is_not_there_ends_with_13()
    {
        (await RunAsync("backup", "get", "nosuch")).ExpectError(13, "backup nosuch", "not found in namespace velero");
        (await RunAsync("backup", "logs", "nosuch")).ExpectError(13, "nosuch");
        (await RunAsync("restore", "create", "--from-backup", "nosuch")).ExpectError(13, "nosuch");
        (await RunAsync("backup", "create", "b", "--storage-location", "nosuch")).ExpectError(13, "backup-location nosuch");
        (await RunAsync("backup", "delete", "a/../b", "--confirm")).ExpectError(13, "a/../b");
        Assert.Empty(_server.All("backups"));
    }

    [Fact]
    public async Task A_cluster_without_the_custom_resources_is_told_from_a_missing_object()
    {
        _server.Plurals.Clear();
        (await RunAsync("backup", "get")).ExpectError(1, "does not know backups.velero.io");
        (await RunAsync("backup", "get", "b1")).ExpectError(1, "does not know backups.velero.io");
    }

    [Fact]
    public async Task A_cluster_that_cannot_be_used_gives_one_clear_line()
    {
        (await RunAsync("backup", "get", "--kubecontext", "nosuch")).ExpectError(1, "no context nosuch");
        (await RunAsync("backup", "get", "--kubeconfig", "/no/such/file")).ExpectError(1, "/no/such/file", "not there");
        (await NodeAgentProcess.RunAsync("backup", "get")).ExpectError(1, "no cluster is named");
        var text = File.ReadAllText(_server.Kubeconfig);
        var wrongToken = _server.Directory.Write("wrong-token", text.Replace("secret", "other", StringComparison.Ordinal));
        (await RunAsync("backup", "get", "--kubeconfig", wrongToken)).ExpectError(1, "does not accept the credentials");
        var nowhere = _server.Directory.Write("nowhere", System.Text.RegularExpressions.Regex.Replace(text, "127.0.0.1:[0-9]+", "127.0.0.1:1"));
        (await RunAsync("backup", "get", "--kubeconfig", nowhere)).ExpectError(1, "cannot be reached");
        var broken = _server.Directory.Write("broken", "a: [");
        (await RunAsync("backup", "get", "--kubeconfig", broken)).ExpectError(1, "broken", "it is no YAML");
    }

    [Fact]
    public async Task A_backup_is_created_and_a_second_one_of_that_name_refused()
    {
        (await RunAsync("backup", "create", "b1", "--include-namespaces", "shop", "--labels", "a=b")).Expect(0);
        var backup = _server.Find("backups", "b1")!;
        Assert.Equal("shop", backup["spec"]!["includedNamespaces"]![0]!.GetValue<string>());
        Assert.Equal("b", backup["metadata"]!["labels"]!["a"]!.GetValue<string>());
        (await RunAsync("backup", "create", "b1")).ExpectError(1, "there is one already");
    }

    [Theory]
    [InlineData("Completed", 0)]
    [InlineData("PartiallyFailed", 3)]
    [InlineData("Failed", 1)]
    [InlineData("FailedValidation", 1)]
    public async Task Waiting_ends_with_a_sentence_and_an_exit_code_that_tells(string phase, int exitCode)
    {
        _server.OnCreated = (_, created) => created["status"] = new JsonObject
        {
            ["phase"] = phase,
            ["validationErrors"] = phase == "FailedValidation" ? new JsonArray("no such location") : null,
        };
        var result = (await RunAsync("backup", "create", "b1", "--wait")).Expect(exitCode);
        Assert.Contains($"Backup completed with status: {phase}.", result.Output, StringComparison.Ordinal);
        if (phase == "FailedValidation")
            Assert.Contains("no such location", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_waiting_outlasts_a_server_that_is_restarted()
    {
        _server.OnCreated = (_, resource) => resource["status"] = new JsonObject { ["phase"] = "Completed" };
        // More than one request is tried by itself.
        _server.OutageAfterCreation = 5;
        var result = (await RunAsync("backup", "create", "b1", "--wait")).Expect(0);
        Assert.Contains("Backup completed with status: Completed.", result.Output, StringComparison.Ordinal);
        Assert.Contains("it is asked again for 5 min", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_interrupt_ends_the_waiting_and_not_the_backup()
    {
        var environment = CommandEnvironment.Interruptible;
        environment.Variables["KUBECONFIG"] = _server.Kubeconfig;
        using var process = NodeAgentProcess.Start(environment, "backup", "create", "b1", "--wait");
        var dot = new char[1];
        Assert.Equal(1, await process.StandardError.ReadAsync(dot, TestContext.Current.CancellationToken));
        Assert.Equal('.', dot[0]);
        Signals.Send(process.Id, Signals.Interrupt);
        var result = await NodeAgentProcess.FinishAsync(
            process, process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        result.Expect(130);
        Assert.EndsWith("\nerror: interrupted\n", result.Error, StringComparison.Ordinal);
        Assert.NotNull(_server.Find("backups", "b1"));
    }

    [Fact]
    public async Task A_backup_from_a_schedule_takes_its_template_and_label()
    {
        _server.Put("schedules", """{"metadata":{"name":"daily","labels":{"a":"b"},"uid":"u1"},"spec":{"schedule":"0 2 * * *","useOwnerReferencesInBackup":true,"template":{"ttl":"1h0m0s","metadata":{"labels":{"c":"d"}}}}}""");
        (await RunAsync("backup", "create", "--from-schedule", "daily")).Expect(0);
        var backup = Assert.Single(_server.All("backups"));
        Assert.Matches("^daily-[0-9]{14}$", backup["metadata"]!["name"]!.GetValue<string>());
        Assert.Equal("daily", backup["metadata"]!["labels"]!["velero.io/schedule-name"]!.GetValue<string>());
        Assert.Equal("d", backup["metadata"]!["labels"]!["c"]!.GetValue<string>());
        Assert.Equal("u1", backup["metadata"]!["ownerReferences"]![0]!["uid"]!.GetValue<string>());
        Assert.Equal("1h0m0s", backup["spec"]!["ttl"]!.GetValue<string>());
        Assert.Null(backup["spec"]!["metadata"]);
    }

    [Fact]
    public async Task Deleting_a_backup_asks_the_server_to_and_needs_a_yes()
    {
        PutBackup("b1", "Completed");
        (await RunAsync("backup", "delete", "b1")).ExpectError(2, "--confirm");
        (await RunAsync("backup", "delete", "--confirm")).ExpectError(2, "exactly one of names, --all and --selector");
        (await RunAsync("backup", "delete", "b1", "--all", "--confirm")).ExpectError(2, "exactly one of");
        Assert.Empty(_server.All("deletebackuprequests"));
        (await RunAsync("delete", "backups", "--selector", "team=red", "--confirm")).Expect(0);
        var request = Assert.Single(_server.All("deletebackuprequests"));
        Assert.Equal("b1", request["spec"]!["backupName"]!.GetValue<string>());
        Assert.Equal("b1", request["metadata"]!["labels"]!["velero.io/backup-name"]!.GetValue<string>());
        Assert.NotNull(_server.Find("backups", "b1"));
    }

    [Fact]
    public async Task Schedules_are_created_paused_and_let_run_again()
    {
        (await RunAsync("schedule", "create", "s1", "--schedule", "@every 6h", "--ttl", "24h")).Expect(0);
        Assert.Equal("24h0m0s", _server.Find("schedules", "s1")!["spec"]!["template"]!["ttl"]!.GetValue<string>());
        (await RunAsync("schedule", "pause", "s1")).Expect(0);
        Assert.True(_server.Find("schedules", "s1")!["spec"]!["paused"]!.GetValue<bool>());
        (await RunAsync("schedule", "unpause", "--all")).Expect(0);
        Assert.False(_server.Find("schedules", "s1")!["spec"]!["paused"]!.GetValue<bool>());
        Assert.Contains("Schedule:  @every 6h", (await RunAsync("schedule", "describe", "s1")).Expect(0).Output, StringComparison.Ordinal);
        (await RunAsync("schedule", "delete", "s1", "--confirm")).Expect(0);
        Assert.Empty(_server.All("schedules"));
    }

    [Fact]
    public async Task Repositories_of_a_cluster_are_listed_described_maintained_and_paused()
    {
        _server.Put("backuprepositories", """
            {"metadata":{"name":"default-nodeagent"},"spec":{"volumeNamespace":"*","backupStorageLocation":"default","maintenanceFrequency":"24h0m0s","repositoryConfig":{"readDataSubset":"5%"}},
             "status":{"phase":"NotReady","message":"DAMAGED: data/1","lastMaintenanceTime":"2026-11-19T10:00:00Z","recentMaintenance":[
               {"result":"Succeeded","startTimestamp":"2026-11-19T09:59:00Z","message":"2 packs deleted"},{"result":"Failed","startTimestamp":"2026-11-20T10:00:00Z","message":"DAMAGED: data/1"}]}}
            """);
        var lines = (await RunAsync("repo", "get")).Expect(0).Output.Split('\n');
        Assert.Matches("^NAME +STATUS +LAST MAINTENANCE$", lines[0]);
        Assert.Matches(@"^default-nodeagent +NotReady +2026-11-19 10:00:00 \+0000 UTC$", lines[1]);
        Assert.Equal(lines, (await RunAsync("get", "repos")).Expect(0).Output.Split('\n'));
        Assert.Equal("BackupRepository", JsonNode.Parse((await RunAsync("repo", "get", "-o", "json")).Expect(0).Output)!["kind"]!.GetValue<string>());

        var described = (await RunAsync("repo", "describe", "default-nodeagent")).Expect(0).Output;
        foreach (var line in new[] { "Message: +DAMAGED: data/1\n", "Maintenance Frequency: +24h0m0s\n", "Paused: +false\n", "readDataSubset=5%" }) Assert.Matches(line, described);
        // The newest first.
        Assert.True(described.IndexOf("Failed: DAMAGED: data/1", StringComparison.Ordinal) < described.IndexOf("Succeeded: 2 packs deleted", StringComparison.Ordinal), described);

        (await RunAsync("repo", "pause", "default-nodeagent")).Expect(0);
        Assert.Matches("Paused: +true\n", (await RunAsync("repo", "describe")).Expect(0).Output);
        (await RunAsync("repo", "unpause", "--all")).Expect(0);
        Assert.Null(Annotation("nodeagent.io/maintenance-suspended"));
        Assert.Contains("is requested", (await RunAsync("repo", "maintain", "default-nodeagent")).Expect(0).Output, StringComparison.Ordinal);
        Assert.NotNull(Annotation("nodeagent.io/maintenance-requested"));
        (await RunAsync("repo", "maintain", "nosuch")).ExpectError(13, "nosuch");
        (await RunAsync("repo", "maintain")).ExpectError(2, "which repos: give exactly one of names, --all and --selector");

        JsonNode? Annotation(string key) => _server.Find("backuprepositories", "default-nodeagent")!["metadata"]?["annotations"]?[key];
    }

    [Fact]
    public async Task A_new_default_location_takes_the_mark_off_the_old_one()
    {
        (await RunAsync("backup-location", "create", "one", "--provider", "filesystem", "--config", "path=/x", "--default")).Expect(0);
        (await RunAsync("backup-location", "create", "two", "--provider", "aws", "--bucket", "b", "--prefix", "p", "--credential", "cloud=key", "--backup-sync-period", "0s")).Expect(0);
        (await RunAsync("backup-location", "set", "two", "--default")).Expect(0);
        Assert.False(_server.Find("backupstoragelocations", "one")!["spec"]!["default"]!.GetValue<bool>());
        Assert.True(_server.Find("backupstoragelocations", "two")!["spec"]!["default"]!.GetValue<bool>());
        Assert.Equal("0s", _server.Find("backupstoragelocations", "two")!["spec"]!["backupSyncPeriod"]!.GetValue<string>());
        var lines = (await RunAsync("backup-location", "get", "--default")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("^two +aws +b/p +Unknown +Unknown +ReadWrite +true$", Assert.Single(lines.Skip(1)));
    }

    [Fact]
    public async Task Deleting_a_location_takes_its_records_but_not_those_of_others()
    {
        _server.Put("backupstoragelocations", """{"metadata":{"name":"old"},"spec":{"provider":"aws"}}""");
        _server.Put("backups", """{"metadata":{"name":"b1","labels":{"velero.io/storage-location":"old"}}}""");
        _server.Put("backups", """{"metadata":{"name":"b2","labels":{"velero.io/storage-location":"new"}}}""");
        (await RunAsync("backup-location", "delete", "old", "--confirm")).Expect(0);
        Assert.Equal("b2", Assert.Single(_server.All("backups"))["metadata"]!["name"]!.GetValue<string>());
        Assert.Empty(_server.All("deletebackuprequests"));
    }

    [Fact]
    public async Task The_log_is_fetched_by_a_download_request_which_is_then_removed()
    {
        PutBackup("b1", "PartiallyFailed");
        ServeFile(Gzip("first line\nevil \e[2J line\n"));
        var result = (await RunAsync("backup", "logs", "b1")).Expect(0);
        Assert.Equal("first line\nevil \\u001b[2J line\n", result.Output);
        var lines = JsonNode.Parse((await RunAsync("backup", "logs", "b1", "-o", "json")).Expect(0).Output)!.AsArray();
        Assert.Equal(["first line", "evil \e[2J line"], lines.Select(l => l!["msg"]!.GetValue<string>()));
        Assert.Empty(_server.All("downloadrequests"));
    }

    [Fact]
    public async Task A_restore_is_described_as_one_object()
    {
        _server.Put("restores", """{"metadata":{"name":"r1"},"spec":{"backupName":"b1"},"status":{"phase":"Completed"}}""");
        _server.Put("podvolumerestores", """{"metadata":{"name":"r1-x","labels":{"velero.io/restore-name":"r1"}},"spec":{"pod":{"namespace":"shop","name":"web"},"volume":"data"},"status":{"phase":"Completed","progress":{"bytesDone":5,"totalBytes":5}}}""");
        var described = JsonNode.Parse((await RunAsync("restore", "describe", "r1", "-o", "json")).Expect(0).Output)!;
        Assert.Equal(("r1", "Completed", "b1"), (described["metadata"]!["name"]!.ToString(), described["phase"]!.ToString(), described["spec"]!["backupName"]!.ToString()));
        var volume = Assert.Single(described["podVolumeRestores"]!.AsArray())!;
        Assert.Equal(("shop/web", "data", "5"), (volume["pod"]!.ToString(), volume["volume"]!.ToString(), volume["bytesDone"]!.ToString()));
    }

    [Fact]
    public async Task A_log_that_cannot_be_had_says_why()
    {
        PutBackup("running", "InProgress");
        (await RunAsync("backup", "logs", "running")).ExpectError(1, "its phase is InProgress");
        PutBackup("b1", "Completed");
        (await RunAsync("backup", "logs", "b1", "--timeout", "300ms")).ExpectError(1, "no address within", "is the controller running");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Failed", ["message"] = "location is unavailable" };
        (await RunAsync("backup", "logs", "b1")).ExpectError(1, "location is unavailable");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["downloadURL"] = "file:///no/such/file" };
        (await RunAsync("backup", "logs", "b1")).ExpectError(13, "not in the backup location");
    }

    [Fact]
    public async Task The_contents_are_downloaded_once_and_not_over_a_file_unasked()
    {
        PutBackup("b1", "Completed");
        ServeFile([1, 2, 3]);
        var target = _server.Directory["out.tar.gz"];
        (await RunAsync("backup", "download", "b1", "-o", target)).Expect(0);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(target));
        (await RunAsync("backup", "download", "b1", "-o", target)).ExpectError(1, "--force");
        (await RunAsync("backup", "download", "b1", "-o", target, "--force")).Expect(0);
        Assert.False(File.Exists(target + ".partial"));
    }

    [Fact]
    public async Task Files_in_a_bucket_are_fetched_over_HTTP()
    {
        PutBackup("b1", "Completed");
        _server.ServedFile = Gzip("from the bucket\n");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["downloadURL"] = _server.FileAddress.AbsoluteUri };
        Assert.Equal("from the bucket\n", (await RunAsync("backup", "logs", "b1")).Expect(0).Output);
        var target = _server.Directory["out.tar.gz"];
        (await RunAsync("backup", "download", "b1", "-o", target)).Expect(0);
        Assert.Equal(_server.ServedFile, File.ReadAllBytes(target));
        _server.ServedFile = null;
        (await RunAsync("backup", "logs", "b1")).ExpectError(13, "not in the backup location");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["downloadURL"] = "http://127.0.0.1:1/x" };
        (await RunAsync("backup", "logs", "b1")).ExpectError(1, "127.0.0.1:1");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["downloadURL"] = "ftp://host/x" };
        (await RunAsync("backup", "logs", "b1")).ExpectError(1, "cannot be read");
    }

    [Fact]
    public async Task A_description_is_printed_also_when_its_files_cannot_be_had()
    {
        PutBackup("b1", "PartiallyFailed");
        _server.Put("podvolumebackups", """{"metadata":{"name":"p1","labels":{"velero.io/backup-name":"b1"}},"spec":{"pod":{"namespace":"shop","name":"db"},"volume":"data"},"status":{"phase":"Completed"}}""");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Failed", ["message"] = "location is unavailable" };
        var result = (await RunAsync("backup", "describe", "b1")).Expect(0);
        Assert.StartsWith("Name:", result.Output, StringComparison.Ordinal);
        Assert.Contains("Completed:  1", result.Output, StringComparison.Ordinal);
        Assert.Contains("location is unavailable", result.Error, StringComparison.Ordinal);
        var json = JsonNode.Parse((await RunAsync("describe", "backup", "b1", "-o", "json")).Expect(0).Output)!;
        Assert.Equal("PartiallyFailed", json["phase"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_servers_version_is_asked_for_and_its_silence_said()
    {
        (await RunAsync("version", "--timeout", "300ms")).ExpectError(1, "no answer within");
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["serverVersion"] = "v9" };
        Assert.EndsWith("Server:\n\tVersion: v9\n", (await RunAsync("version")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Empty(_server.All("serverstatusrequests"));
    }

    [Fact]
    public async Task The_providers_of_the_server_are_listed_by_kind_and_none_can_be_added()
    {
        _server.OnCreated = (_, created) => created["status"] = new JsonObject
        {
            ["phase"] = "Processed",
            ["plugins"] = new JsonArray(
                new JsonObject { ["name"] = "nodeagent.io/csi", ["kind"] = "VolumeSnapshotter" },
                new JsonObject { ["name"] = "nodeagent.io/filesystem", ["kind"] = "ObjectStore" },
                new JsonObject { ["name"] = "nodeagent.io/aws", ["kind"] = "ObjectStore" }),
        };
        var lines = (await RunAsync("plugin", "get")).Expect(0).Output.Split('\n');
        Assert.Matches("^NAME +KIND$", lines[0]);
        Assert.Equal(["nodeagent.io/aws", "nodeagent.io/filesystem", "nodeagent.io/csi"], lines[1..4].Select(line => line.Split(' ')[0]));
        Assert.Equal(lines, (await RunAsync("get", "plugins")).Expect(0).Output.Split('\n'));
        Assert.Empty(_server.All("serverstatusrequests"));
        (await RunAsync("plugin", "add", "velero/velero-plugin-for-aws:v1.13.0")).ExpectError(2, "plugin add velero/velero-plugin-for-aws:v1.13.0", "nodeagent plugin get");
    }

    [Fact]
    public async Task Flags_for_the_client_library_of_Velero_are_taken_and_change_nothing() =>
        (await RunAsync("backup", "get", "-v", "4", "--logtostderr", "--stderrthreshold", "INFO", "--log_dir", "/tmp", "--features", "EnableCSI", "--colorized=false")).Expect(0);

    [Fact]
    public async Task Schedules_chosen_by_label_are_paused_and_those_chosen_by_all_let_run_again()
    {
        _server.Put("schedules", """{"metadata":{"name":"a","labels":{"team":"red"}},"spec":{"schedule":"0 2 * * *"}}""");
        _server.Put("schedules", """{"metadata":{"name":"b"},"spec":{"schedule":"0 2 * * *"}}""");
        (await RunAsync("schedule", "pause", "-l", "team=red", "--skip-immediately=true")).Expect(0);
        Assert.True((bool)_server.Find("schedules", "a")!["spec"]!["paused"]!);
        Assert.True((bool)_server.Find("schedules", "a")!["spec"]!["skipImmediately"]!);
        Assert.Null(_server.Find("schedules", "b")!["spec"]!["paused"]);
        (await RunAsync("schedule", "unpause", "--all")).Expect(0);
        Assert.False((bool)_server.Find("schedules", "a")!["spec"]!["paused"]!);
        (await RunAsync("schedule", "delete", "--all", "--confirm")).Expect(0);
        Assert.Empty(_server.All("schedules"));
    }

    [Fact]
    public async Task A_location_gets_another_credential_and_only_the_default_one_is_shown_when_asked_for()
    {
        _server.Put("backupstoragelocations", """{"metadata":{"name":"a"},"spec":{"provider":"aws","default":true,"objectStorage":{"bucket":"b"}}}""");
        _server.Put("backupstoragelocations", """{"metadata":{"name":"c"},"spec":{"provider":"aws","objectStorage":{"bucket":"d"}}}""");
        (await RunAsync("backup-location", "set", "c", "--credential", "other=cloud")).Expect(0);
        Assert.Equal("""{"name":"other","key":"cloud"}""", _server.Find("backupstoragelocations", "c")!["spec"]!["credential"]!.ToJsonString());
        (await RunAsync("backup-location", "set", "c")).ExpectError(2, "nothing to change");
        (await RunAsync("backup-location", "set", "c", "--credential", "a=b,c=d")).ExpectError(2, "a location has one credential");
        var lines = (await RunAsync("get", "backup-locations", "--default")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("a ", Assert.Single(lines.Skip(1)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snapshot_locations_are_created_listed_and_given_another_credential()
    {
        (await RunAsync("snapshot-location", "create", "ebs", "--provider", "aws", "--config", "region=us-east-2", "--labels", "a=b", "--credential", "cloud=key")).Expect(0);
        Assert.Equal("us-east-2", (string?)_server.Find("volumesnapshotlocations", "ebs")!["spec"]!["config"]!["region"]);
        (await RunAsync("snapshot-location", "set", "ebs", "--credential", "other=key")).Expect(0);
        Assert.Equal("other", (string?)_server.Find("volumesnapshotlocations", "ebs")!["spec"]!["credential"]!["name"]);
        Assert.Matches("^NAME +PROVIDER\nebs +aws\n$", (await RunAsync("get", "snapshot-locations")).Expect(0).Output);
    }

    [Fact]
    public async Task A_restore_is_created_from_the_newest_backup_of_a_schedule_also_a_partially_failed_one()
    {
        _server.Put("backups", """{"metadata":{"name":"old","labels":{"velero.io/schedule-name":"daily"}},"status":{"phase":"Completed","startTimestamp":"2026-11-19T10:00:00Z"}}""");
        _server.Put("backups", """{"metadata":{"name":"new","labels":{"velero.io/schedule-name":"daily"}},"status":{"phase":"PartiallyFailed","startTimestamp":"2026-11-20T10:00:00Z"}}""");
        (await RunAsync("restore", "create", "r1", "--from-schedule", "daily")).Expect(0);
        Assert.Equal("daily", (string?)_server.Find("restores", "r1")!["spec"]!["scheduleName"]);
        (await RunAsync("restore", "create", "r2", "--from-schedule", "daily", "--allow-partially-failed")).Expect(0);
        Assert.Equal("new", (string?)_server.Find("restores", "r2")!["spec"]!["backupName"]);
        (await RunAsync("restore", "create", "r3", "--from-backup", "new", "--allow-partially-failed")).ExpectError(2, "--from-schedule");
        (await RunAsync("restore", "delete", "--all", "--confirm")).Expect(0);
        Assert.Empty(_server.All("restores"));
    }

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["KUBECONFIG"] = _server.Kubeconfig } }, arguments);

    private void PutBackup(string name, string phase) => _server.Put(
        "backups",
        """{"metadata":{"name":"NAME","uid":"u-NAME","labels":{"team":"red"}},"spec":{"storageLocation":"default","unknownField":"kept"},"status":{"phase":"PHASE","startTimestamp":"2026-11-20T10:00:00Z"}}"""
            .Replace("NAME", name, StringComparison.Ordinal).Replace("PHASE", phase, StringComparison.Ordinal));

    private void ServeFile(byte[] content)
    {
        var path = _server.Directory["served"];
        File.WriteAllBytes(path, content);
        _server.OnCreated = (_, created) => created["status"] = new JsonObject { ["phase"] = "Processed", ["downloadURL"] = new Uri(path).AbsoluteUri };
    }

    private static byte[] Gzip(string text)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionMode.Compress))
            gzip.Write(System.Text.Encoding.UTF8.GetBytes(text));
        return buffer.ToArray();
    }
}
