using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Keys;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Tests.Storage;

/// <summary>Locations with <c>encryptMetadata</c>: what is in them, who can read it, and what is said when somebody cannot.</summary>
public sealed class EncryptedMetadataTests
{
    private const string Shown = "text-of-the-configmap-5d1f";
    private const string Secret = "text-of-the-secret-9a27";
    private const string ObjectName = "name-of-the-configmap-41c0";
    private const string Spec = """{"includedNamespaces":["shop"]}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_of_the_cluster_can_be_read_in_the_location_and_all_of_it_is_restored()
    {
        await using var cluster = await StartAsync(encrypts: true);
        cluster.AddShop();
        var backup = await cluster.BackUpAsync("b", Spec);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(Shown, cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", ObjectName).Text("data", "k"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.Secrets, "shop", "keys"));

        SealedLocation.AssertHides(cluster.LocationPath, Shown, Secret, ObjectName, "resources/pods", "level=info", "pv-data");
        var (hidden, clear) = SealedLocation.Files(cluster.LocationPath);
        Assert.Equal(["backups/b/velero-backup.json"], clear);
        Assert.Equal(
            [
                "backups/b/b-itemoperations.json.gz", "backups/b/b-logs.gz", "backups/b/b-podvolumebackups.json.gz", "backups/b/b-resource-list.json.gz", "backups/b/b-results.gz",
                "backups/b/b-volumeinfo.json.gz", "backups/b/b-volumesnapshots.json.gz", "backups/b/b.tar.gz",
                "restores/r/r-volumeinfo.json.gz", "restores/r/restore-r-itemoperations.json.gz", "restores/r/restore-r-logs.gz", "restores/r/restore-r-resource-list.json.gz", "restores/r/restore-r-results.gz",
            ],
            hidden);
        Assert.Contains(Shown, await SealedLocation.ReadAsync(cluster, cluster.LocationPath, "backups/b/b.tar.gz"), StringComparison.Ordinal);
        Assert.Contains($"shop/{ObjectName}", await SealedLocation.ReadAsync(cluster, cluster.LocationPath, "backups/b/b-resource-list.json.gz"), StringComparison.Ordinal);
        Assert.Contains("level=info", await SealedLocation.ReadAsync(cluster, cluster.LocationPath, "restores/r/restore-r-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_setting_the_same_texts_would_be_found()
    {
        await using var cluster = await StartAsync(encrypts: false);
        await cluster.BackUpAsync("b", Spec);
        Assert.Empty(SealedLocation.Files(cluster.LocationPath).Sealed);
        foreach (var text in new[] { Shown, Secret, ObjectName, "level=info" }) Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => SealedLocation.AssertHides(cluster.LocationPath, text));
        // And no repository is made for keys that nobody needs.
        Assert.False(Directory.Exists(SampleRepository.RootOf(cluster.LocationPath)));
        Assert.Null(FindSecret(cluster));
    }

    [Fact]
    public async Task Every_kind_of_file_can_be_fetched_with_a_key_that_opens_this_file_alone()
    {
        await using var cluster = await StartAsync(encrypts: true);
        await cluster.BackUpAsync("b", Spec);
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        foreach (var (kind, name, expected) in new[]
        {
            (DownloadTargetKind.BackupContents, "b", Shown), (DownloadTargetKind.BackupLog, "b", "level=info"), (DownloadTargetKind.BackupResourceList, "b", ObjectName),
            (DownloadTargetKind.BackupResults, "b", "\"warnings\""), (DownloadTargetKind.BackupVolumeInfos, "b", "["), (DownloadTargetKind.RestoreLog, "r", "level=info"),
            (DownloadTargetKind.RestoreResults, "r", "\"warnings\""), (DownloadTargetKind.RestoreResourceList, "r", ObjectName),
        })
        {
            var answer = await RequestDownloadAsync(cluster, kind, name);
            Assert.True(SealedAddress.TrySplit(answer.Text("status", "downloadURL")!, out var address, out var key, out var sealedName), answer.ToJsonString());
            using (key)
            {
                var content = await File.ReadAllBytesAsync(new Uri(address).LocalPath, Cancellation);
                Assert.Contains(expected, await SealedLocation.OpenAsync(sealedName, key, content), StringComparison.Ordinal);
                var other = sealedName.Contains("log", StringComparison.Ordinal) ? "backups/b/b.tar.gz" : "backups/b/b-logs.gz";
                var otherContent = await File.ReadAllBytesAsync(Path.Combine(cluster.LocationPath, other), Cancellation);
                await Assert.ThrowsAsync<InvalidDataException>(() => SealedLocation.OpenAsync(other, key, otherContent));
            }
        }
    }

    [Fact]
    public async Task A_location_may_be_switched_on_and_off_between_backups_and_all_of_them_are_read_and_deleted()
    {
        await using var cluster = await StartAsync(encrypts: false);
        await cluster.BackUpAsync("clear", Spec);
        Encrypt(cluster, "default", "true");
        await cluster.BackUpAsync("hidden", Spec);
        Encrypt(cluster, "default", "false");
        await cluster.BackUpAsync("clear-again", Spec);
        Assert.All(SealedLocation.Files(cluster.LocationPath).Sealed, key => Assert.StartsWith("backups/hidden/", key, StringComparison.Ordinal));
        Assert.Equal(8, SealedLocation.Files(cluster.LocationPath).Sealed.Count);
        foreach (var (name, setting) in new[] { ("clear", "true"), ("hidden", "false"), ("clear-again", "true"), ("hidden", "true") })
        {
            Encrypt(cluster, "default", setting);
            cluster.LoseShop();
            var restore = await cluster.RestoreAsync($"r-{name}-{setting}", $$"""{"backupName":"{{name}}"}""");
            Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
            Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", ObjectName));
            var clear = !SealedAddress.TrySplit((await RequestDownloadAsync(cluster, DownloadTargetKind.BackupLog, name)).Text("status", "downloadURL")!, out _, out var key, out _);
            key?.Dispose();
            Assert.Equal(name != "hidden", clear);
        }

        Encrypt(cluster, "default", "false");
        foreach (var name in new[] { "hidden", "clear" })
        {
            cluster.Api.Add(VeleroResources.DeleteBackupRequests, $$"""{"metadata":{"name":"d-{{name}}","namespace":"velero"},"spec":{"backupName":"{{name}}"} }""");
            await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", name) is null);
            Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups", name)));
        }
    }

    [Theory]
    [InlineData("default,second")]
    [InlineData("second,default")]
    public async Task Of_several_locations_each_has_the_files_as_it_says(string order)
    {
        await using var cluster = await StartAsync(encrypts: false);
        var second = cluster.LocationPath + "-second";
        Directory.CreateDirectory(second);
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$$"""{"metadata":{"name":"second","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{{second}}}","encryptMetadata":"true"} } }""");
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"{{{order}}}"}},"spec":{{{Spec}}} }""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Empty(SealedLocation.Files(cluster.LocationPath).Sealed);
        Assert.Equal(["backups/b/velero-backup.json"], SealedLocation.Files(second).Clear);
        SealedLocation.AssertHides(second, Shown, Secret, ObjectName);
        Assert.Contains("resources/configmaps/namespaces/shop/" + ObjectName + ".json", BackupContents.ReadArchive(cluster.Bucket, "b").Keys);
        Assert.Contains(Shown, await SealedLocation.ReadAsync(cluster, second, "backups/b/b.tar.gz"), StringComparison.Ordinal);
        // The rest of it may be lost: the backup is complete in the one that is left.
        var left = order.Split(',')[0];
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.Completed, left), (restore.Text("status", "phase"), backup.Text("spec", "storageLocation")));
    }

    [Fact]
    public async Task Another_cluster_finds_the_backup_and_restores_it_as_soon_as_it_has_the_Secret()
    {
        await using var one = await StartAsync(encrypts: true);
        await one.BackUpAsync("b", Spec);
        await using var two = await ControllerFixture.StartAsync(start: false);
        two.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", $$$"""{"spec":{"accessMode":"ReadOnly","backupSyncPeriod":"100ms","config":{"path":"{{{one.LocationPath}}}","encryptMetadata":"true"} } }""");
        two.StartController();
        await two.WaitForPhaseAsync(VeleroResources.Backups, "b", BackupPhase.Completed);

        var missing = await two.RestoreAsync("no-secret", """{"backupName":"b"}""");
        Assert.Equal(
            (RestorePhase.FailedValidation, "backup storage location \"default\": Secret velero-repo-credentials does not exist in namespace velero: copy it from the cluster that made the backups"),
            (missing.Text("status", "phase"), ValidationError(missing)));
        Assert.Equal(
            "backup storage location \"default\": Secret velero-repo-credentials does not exist in namespace velero: copy it from the cluster that made the backups",
            (await RequestDownloadAsync(two, DownloadTargetKind.BackupLog, "b")).Text("status", "message"));

        AddSecret(two, Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray()));
        var wrong = await two.RestoreAsync("wrong-secret", """{"backupName":"b"}""");
        Assert.Equal(
            (RestorePhase.FailedValidation, $"backup storage location \"default\": the key in Secret velero-repo-credentials does not open the repository at {SampleRepository.RootOf(one.LocationPath)}: put the Secret of the cluster that made it here"),
            (wrong.Text("status", "phase"), ValidationError(wrong)));

        two.Api.Remove(KubernetesResources.Secrets, "velero", RepositoryCredentials.SecretName);
        AddSecret(two, FindSecret(one).Text("data", RepositoryCredentials.KeyEntry)!, isEncoded: true);
        var restore = await two.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(Shown, two.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", ObjectName).Text("data", "k"));
        Assert.Contains("restores/r/restore-r-logs.gz", SealedLocation.Files(one.LocationPath).Sealed);
    }

    [Fact]
    public async Task After_the_repositorys_key_was_changed_or_rotated_older_backups_are_read_with_the_new_one()
    {
        await using var cluster = await StartAsync(encrypts: true);
        await cluster.BackUpAsync("before", Spec);
        var first = FindSecret(cluster).Text("data", RepositoryCredentials.KeyEntry)!;
        using var old = RepositoryCredentials.Read(name => name == RepositoryCredentials.KeyEntry ? first : null);
        using var changed = RepositorySecret.FromPassphrase("a new passphrase");
        await using (var repository = await ChunkRepository.OpenAsync(new DirectoryStore(SampleRepository.RootOf(cluster.LocationPath)), old, new RepositoryOpenOptions(), Cancellation))
            await new RepositoryKeys(repository).ChangeAsync(changed, Cancellation);
        cluster.Api.Remove(KubernetesResources.Secrets, "velero", RepositoryCredentials.SecretName);
        AddSecret(cluster, "a new passphrase", entry: RepositoryCredentials.PasswordEntry);
        await cluster.BackUpAsync("between", Spec);
        await using (var repository = await ChunkRepository.OpenAsync(new DirectoryStore(SampleRepository.RootOf(cluster.LocationPath)), changed, new RepositoryOpenOptions(), Cancellation))
            await new RepositoryKeys(repository).RotateAsync([], dropOthers: true, Cancellation);
        await cluster.BackUpAsync("after", Spec);
        foreach (var name in new[] { "before", "between", "after" })
        {
            cluster.LoseShop();
            Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync($"r-{name}", $$"""{"backupName":"{{name}}"}""")).Text("status", "phase"));
            Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", ObjectName));
        }
    }

    [Theory]
    [InlineData("cut", "backups/b/b.tar.gz in LOCATION is encrypted and cut off after 200 bytes: put it back from a copy of the location, or make a new backup")]
    [InlineData("flip", "backups/b/b.tar.gz in LOCATION is encrypted and was altered at byte 64, or it is another file that was put under this name: put it back from a copy of the location, or make a new backup")]
    [InlineData("swap", "backups/b/b.tar.gz in LOCATION is encrypted and was altered at byte 64, or it is another file that was put under this name: put it back from a copy of the location, or make a new backup")]
    [InlineData("list", "backups/b/b-podvolumebackups.json.gz in LOCATION is encrypted and was altered at byte 64, or it is another file that was put under this name: put it back from a copy of the location, or make a new backup")]
    [InlineData("newer", "backup storage location \"default\": backups/b/b.tar.gz in LOCATION is encrypted in version 9 of the format, which needs a newer nodeagent")]
    [InlineData("header", "backup storage location \"default\": backups/b/b.tar.gz in LOCATION is encrypted and cut off after 10 bytes: put it back from a copy of the location, or make a new backup")]
    [InlineData("repository", "backup storage location \"default\": there is no repository at LOCATION/plugins/nodeagent, with whose keys files of the location are encrypted: bring its folder plugins/nodeagent back from a copy")]
    public async Task What_was_done_to_a_file_or_its_keys_is_told_by_the_restore(string damage, string expected)
    {
        await using var cluster = await StartAsync(encrypts: true);
        await cluster.BackUpAsync("a", Spec);
        await cluster.BackUpAsync("b", Spec);
        string PathOf(string key) => Path.Combine(cluster.LocationPath, key);
        var file = PathOf("backups/b/b.tar.gz");
        var content = await File.ReadAllBytesAsync(file, Cancellation);
        if (damage == "cut") await File.WriteAllBytesAsync(file, content[..200], Cancellation);
        if (damage == "header") await File.WriteAllBytesAsync(file, content[..10], Cancellation);
        if (damage == "swap") File.Copy(PathOf("backups/a/a.tar.gz"), file, overwrite: true);
        if (damage == "list") File.Copy(PathOf("backups/a/a-podvolumebackups.json.gz"), PathOf("backups/b/b-podvolumebackups.json.gz"), overwrite: true);
        if (damage == "repository") Directory.Delete(SampleRepository.RootOf(cluster.LocationPath), recursive: true);
        if (damage is "flip" or "newer")
        {
            if (damage == "flip") content[^40] ^= 1;
            else content[4] = 9;
            await File.WriteAllBytesAsync(file, content, Cancellation);
        }

        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        expected = expected.Replace("LOCATION", cluster.LocationPath, StringComparison.Ordinal);
        Assert.Equal(expected, restore.Text("status", "failureReason") ?? ValidationError(restore));
        Assert.Null(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", ObjectName));
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("True ")]
    public async Task A_value_that_is_neither_true_nor_false_makes_the_location_unavailable(string value)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        Encrypt(cluster, "default", value);
        cluster.StartController();
        var location = await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        Assert.Equal($"location default: config.encryptMetadata is \"{value}\" instead of \"true\" or \"false\"", location.Text("status", "message"));
        Encrypt(cluster, "default", "true");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }

    [Fact]
    public async Task A_location_whose_keys_cannot_be_had_is_unavailable_until_they_can()
    {
        await using var cluster = await StartAsync(encrypts: true, start: false);
        var (_, key) = await SampleRepository.MakeAsync(cluster.LocationPath);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"validationFrequency":"200ms"}}""");
        cluster.StartController();
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "phase") == LocationPhase.Unavailable
            && l.Text("status", "message") == "Secret velero-repo-credentials does not exist in namespace velero: copy it from the cluster that made the backups");
        AddSecret(cluster, "not the passphrase", entry: RepositoryCredentials.PasswordEntry);
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "message")?.StartsWith("the key in Secret velero-repo-credentials does not open the repository at ", StringComparison.Ordinal) == true);
        cluster.Api.Remove(KubernetesResources.Secrets, "velero", RepositoryCredentials.SecretName);
        AddSecret(cluster, Convert.ToBase64String(key));
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b", Spec)).Text("status", "phase"));
    }

    [Fact]
    public async Task A_backup_is_refused_when_the_Secret_went_wrong_after_the_location_was_looked_at()
    {
        await using var cluster = await StartAsync(encrypts: true);
        await cluster.BackUpAsync("a", Spec);
        cluster.Api.Patch(KubernetesResources.Secrets, "velero", RepositoryCredentials.SecretName, """{"data":{"repository-key":"bm8ga2V5"}}""");
        var backup = await cluster.BackUpAsync("b", Spec);
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.StartsWith("backup storage location \"default\": Secret velero-repo-credentials, entry repository-key: the key file (6 bytes) is not a key", ValidationError(backup), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    private static async Task<ControllerFixture> StartAsync(bool encrypts, bool start = true)
    {
        var cluster = await ControllerFixture.StartAsync(start: false);
        if (encrypts) Encrypt(cluster, "default", "true");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"{{ObjectName}}","namespace":"shop"},"data":{"k":"{{Shown}}"} }""");
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$"""{"metadata":{"name":"keys","namespace":"shop"},"data":{"k":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}}"} }""");
        if (start) cluster.StartController();
        return cluster;
    }

    private static void Encrypt(ControllerFixture cluster, string location, string value) =>
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", location, $$$"""{"spec":{"config":{"encryptMetadata":"{{{value}}}"} } }""");

    private static JsonObject? FindSecret(ControllerFixture cluster) => cluster.Api.Find(KubernetesResources.Secrets, "velero", RepositoryCredentials.SecretName);

    private static void AddSecret(ControllerFixture cluster, string value, string entry = RepositoryCredentials.KeyEntry, bool isEncoded = false) => cluster.Api.Add(
        KubernetesResources.Secrets, $$"""{"metadata":{"name":"{{RepositoryCredentials.SecretName}}","namespace":"velero"},"data":{"{{entry}}":"{{(isEncoded ? value : Convert.ToBase64String(Encoding.UTF8.GetBytes(value)))}}"} }""");

    private static string? ValidationError(JsonObject item) => (item.At("status", "validationErrors") as JsonArray)?.Single()?.GetValue<string>();

    private static async Task<JsonObject> RequestDownloadAsync(ControllerFixture cluster, string kind, string name)
    {
        var request = Guid.NewGuid().ToString("N");
        cluster.Api.Add(VeleroResources.DownloadRequests, $$$"""{"metadata":{"name":"{{{request}}}","namespace":"velero"},"spec":{"target":{"kind":"{{{kind}}}","name":"{{{name}}}"} } }""");
        return await cluster.WaitForPhaseAsync(VeleroResources.DownloadRequests, request, DownloadRequestPhase.Processed, DownloadRequestPhase.Failed);
    }
}
