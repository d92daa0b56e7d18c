using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Filesystem.Tests.Security;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Running pods that change their volumes under the agent, as fast as they can, to have files of the node read or written.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class RaceScenarioTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    private const double Ordinary = 15;

    /// <summary>What must have been met before the race may end.</summary>
    private const int FewestMet = 3;

    private readonly string _secret = $"secret-{Guid.NewGuid():N}";
    private HostilePods _pods = null!;
    private int _backups;
    private int _backupRefusals;
    private int _restores;
    private int _restoreRefusals;
    private bool _hasStoredLink;
    private bool _hasLostPlant;

    private bool HasMetAll => _backups >= FewestMet && _restores >= FewestMet && _backupRefusals >= FewestMet && _hasStoredLink && _hasLostPlant;

    [Fact]
    public async Task Pods_that_swap_their_files_for_links_while_they_are_backed_up_and_restored_get_nothing_of_the_node_and_change_nothing_of_it()
    {
        _pods = new HostilePods(Node);
        var canary = PlantCanary();
        try
        {
            var basis = Node.Name("race-basis");
            await _pods.AddAsync(_secret);
            await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", basis, "--include-namespaces", _pods.Namespace, "--selector", $"kind={HostilePods.Filled}");
            var before = await DescribeNodeAsync(canary);
            Assert.Contains($"{canary}/sub/inner", before, StringComparison.Ordinal);
            var agents = await DescribeAgentsAsync();

            var time = new RaceTime(Ordinary);
            await Task.WhenAll(_pods.BeginAsync(HostilePods.Racer), _pods.BeginAsync(HostilePods.Intruder));
            Task[] runs = [BackUpAsync(time), RestoreAsync(time, basis)];
            await Task.WhenAny(runs).Unwrap();
            await Task.WhenAll(runs);
            var raced = time.Passed;
            var ((swaps, _), (intrusions, lost)) = (await _pods.CountAsync(HostilePods.Racer), await _pods.CountAsync(HostilePods.Intruder));
            await _pods.EndAsync();

            var snapshots = await ListSnapshotsAsync();
            var links = 0;
            foreach (var id in snapshots)
            {
                var (found, swapped) = await LookThroughAsync(id);
                Assert.True(found is null, $"snapshot {id} has what is not the volume's: {found}");
                links += swapped;
            }

            Report(
                $"{raced.TotalSeconds:0} s: {_backups} backups beside {swaps} swaps, {_backupRefusals} volumes with refused entries, {links} entries taken as the links that were swapped in, in {snapshots.Count} snapshots; "
                + $"{_restores} restores beside {intrusions} swaps, {_restoreRefusals} with refused entries, {lost} planted things replaced");
            Assert.Equal(before, await DescribeNodeAsync(canary));
            Assert.Equal("", await FindStraysAsync());
            Assert.Equal(agents, await DescribeAgentsAsync());
            Assert.True(swaps > 10 * _backups && intrusions > 10 * _restores, "the pods were idle");
            Assert.True(HasMetAll && links > 0 && lost > 0, "the swaps did not meet the runs");
            await ExpectCalmAsync(basis);
        }
        finally
        {
            await _pods.RemoveAsync();
            Directory.Delete(canary, recursive: true);
        }
    }

    private static void Report(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);

    private static string? Phase(JsonObject item) => (string?)item["status"]?["phase"];

    /// <summary>Backs up both hostile pods, again and again.</summary>
    private async Task BackUpAsync(RaceTime time)
    {
        IReadOnlyList<string> looked = [];
        for (var n = 0; time.GoesOn(HasMetAll); n++)
        {
            var name = Node.Name($"race-{n}");
            await Node.RunAsync("backup", "create", name, "--include-namespaces", _pods.Namespace, "--selector", "kind=hostile");
            var backup = await Node.WaitForPhaseAsync(VeleroResources.Backups, name, BackupPhase.Completed, BackupPhase.PartiallyFailed, BackupPhase.Failed, BackupPhase.FailedValidation);
            var volumes = await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name);
            Assert.Equal(2, volumes.Count);
            _backupRefusals += await ExpectReasonsAsync("backup", name, backup, volumes);
            _backups++;
            // Whether a swap met the look at its name is a matter of luck, and the race goes on until one did.
            if (_hasStoredLink) continue;
            var snapshots = await ListSnapshotsAsync();
            foreach (var id in snapshots.Except(looked)) _hasStoredLink |= (await LookThroughAsync(id)).Links > 0;
            looked = snapshots;
        }
    }

    /// <summary>Restores the pod that shares the intruder's volume, again and again.</summary>
    private async Task RestoreAsync(RaceTime time, string basis)
    {
        for (var n = 0; time.GoesOn(HasMetAll); n++)
        {
            var name = Node.Name($"race-{n}");
            await Node.DeleteAsync(KubernetesResources.Pods, _pods.Namespace, HostilePods.Filled);
            await Node.RunAsync("restore", "create", name, "--from-backup", basis, "--include-resources", "pods,persistentvolumeclaims,persistentvolumes");
            var restore = await Node.WaitForPhaseAsync(VeleroResources.Restores, name, RestorePhase.Completed, RestorePhase.PartiallyFailed, RestorePhase.Failed, RestorePhase.FailedValidation);
            var volumes = await Node.VolumesOfAsync(VeleroResources.PodVolumeRestores, name);
            Assert.Single(volumes);
            _restoreRefusals += await ExpectReasonsAsync("restore", name, restore, volumes);
            _restores++;
            if (!_hasLostPlant) _hasLostPlant = (await _pods.CountAsync(HostilePods.Intruder)).Lost > 0;
        }
    }

    /// <summary>A run is complete, or some volume of it says why it is not. Answers how many did.</summary>
    private async Task<int> ExpectReasonsAsync(string verb, string name, JsonObject run, IReadOnlyList<JsonObject> volumes)
    {
        var failed = volumes.Where(v => Phase(v) != PodVolumePhase.Completed).ToList();
        var isAsExpected = Phase(run) == (failed.Count == 0 ? BackupPhase.Completed : BackupPhase.PartiallyFailed)
            && failed.All(v => Phase(v) == PodVolumePhase.Failed && ((string?)v["status"]!["message"] ?? "").Contains(verb == "backup" ? "not backed up as" : "not restored as", StringComparison.Ordinal));
        if (!isAsExpected) await Node.FailAsync($"{verb} {name} is {Phase(run)}: {await Node.RunAsync(verb, "describe", name, "--details")}\n{string.Join('\n', volumes.Select(v => v["status"]?.ToJsonString()))}", _pods.Namespace);
        foreach (var volume in failed) Report($"{verb}: {(string?)volume["status"]!["message"]}");
        return failed.Count;
    }

    /// <summary>Nothing is left that would keep calm runs from being complete, and the search would have found the secret.</summary>
    private async Task ExpectCalmAsync(string basis)
    {
        await Node.DeleteAsync(KubernetesResources.Pods, _pods.Namespace, HostilePods.Filled);
        await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", Node.Name("race-calm"), "--from-backup", basis, "--include-resources", "pods,persistentvolumeclaims,persistentvolumes");
        await Node.WaitForPodAsync(_pods.Namespace, HostilePods.Filled);
        Assert.Equal("24 24 12\n", await Node.ExecAsync(_pods.Namespace, HostilePods.Filled, "cd /data; echo $(find d* -maxdepth 0 -type d | wc -l) $(find d*/sub -maxdepth 0 -type d | wc -l) $(find f* -maxdepth 0 -type f | wc -l)"));

        var known = await ListSnapshotsAsync();
        await Node.ExecAsync(_pods.Namespace, HostilePods.Racer, $"cd /data; rm -rf .l .f; printf 'calm\\n{_secret}' > d3/inner");
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", Node.Name("race-calm"), "--include-namespaces", _pods.Namespace, "--selector", "kind=hostile");
        var found = new List<string?>();
        foreach (var id in (await ListSnapshotsAsync()).Except(known)) found.Add((await LookThroughAsync(id)).Found);
        Assert.Equal(2, found.Count);
        Assert.Contains("d3/inner: its content", Assert.Single(found, f => f is not null), StringComparison.Ordinal);
    }

    // --- what was stored ----------------------------------------------------

    private async Task<IReadOnlyList<string>> ListSnapshotsAsync() =>
        [.. JsonNode.Parse(await RunOnRepositoryAsync("snapshot", "list", "--namespace", _pods.Namespace, "--output", "json"))!.AsArray().Select(s => (string)s!["id"]!)];

    /// <summary>What a snapshot has that was never the volume's, and how many directories and files of the volume it has as links.</summary>
    private async Task<(string? Found, int Links)> LookThroughAsync(string id)
    {
        var path = Path.Combine(Node.Scratch, "snapshot.tar");
        // Entries that were refused when they were read are said again.
        await ToolProcess.RunAsync("bash", ["-c", "\"$@\" >\"$0\" || [ $? = 3 ]", path, .. NodeAgentProgram.Command, "snapshot", "dump", id, "/", .. await RepositoryFlagsAsync()]);
        await using var archive = File.OpenRead(path);
        await using var entries = new TarReader(archive);
        var (links, files) = (0, 0);
        while (await entries.GetNextEntryAsync(copyData: false, Cancellation) is { } entry)
        {
            var names = entry.Name.Split('/').Where(name => name is not ("" or ".")).ToArray();
            if (!Array.TrueForAll(names, _pods.IsOwnName)) return ($"{entry.Name}: its name", links);
            switch (entry.EntryType)
            {
                case TarEntryType.SymbolicLink when names is [['d' or 'f', ..]] or [['d', ..], "sub"]:
                    links++;
                    break;
                case TarEntryType.RegularFile:
                    files++;
                    if (entry.DataStream is { } content && !await IsOwnAsync(names[^1], content)) return ($"{entry.Name}: its content", links);
                    break;
                case TarEntryType.Directory or TarEntryType.SymbolicLink or TarEntryType.HardLink or TarEntryType.Fifo:
                    break;
                default:
                    return ($"{entry.Name}: its type, {entry.EntryType}", links);
            }
        }

        // Far fewer than a calm volume has; none would mean that nothing was looked at.
        Assert.True(files > 100, $"snapshot {id} has {files} files");
        return (null, links);
    }

    private async Task<bool> IsOwnAsync(string name, Stream content)
    {
        using var buffer = new MemoryStream();
        await content.CopyToAsync(buffer, Cancellation);
        var bytes = buffer.ToArray();
        // What a restore has not completed is neither calm nor anybody's.
        if (name.StartsWith(HostilePods.RestoreMark, StringComparison.Ordinal)) return bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(_secret)) < 0 && bytes.AsSpan().IndexOf("root:"u8) < 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != HostilePods.Calm[i % HostilePods.Calm.Length]) return false;
        }

        return true;
    }

    private async Task<string> RunOnRepositoryAsync(params string[] arguments) => await NodeAgentCommand.RunAsync([.. arguments, .. await RepositoryFlagsAsync()]);

    private async Task<string[]> RepositoryFlagsAsync()
    {
        var (key, credentials) = (Path.Combine(Node.Scratch, "repository.key"), Path.Combine(Node.Scratch, "repository.credentials"));
        if (!File.Exists(key))
        {
            var secret = await Node.GetAsync(KubernetesResources.Secrets, RealNode.System, RepositoryCredentials.SecretName);
            await File.WriteAllTextAsync(credentials, GatewayBucket.CredentialsFile, Cancellation);
            await File.WriteAllBytesAsync(key, Convert.FromBase64String((string)secret["data"]![RepositoryCredentials.KeyEntry]!), Cancellation);
        }

        return ["--repo", $"s3://{Node.Bucket.Name}/plugins/nodeagent", "--s3-endpoint", GatewayBucket.Get("S3_ENDPOINT"), "--s3-credentials-file", credentials, "--key-file", key];
    }

    // --- the node -----------------------------------------------------------

    /// <summary>Files on the node, in no volume, under the names that the volumes have.</summary>
    private string PlantCanary()
    {
        var canary = Node.Root + _pods.Canary;
        foreach (var directory in (string[])["", "sub", "d0", "d0/sub"])
        {
            Directory.CreateDirectory(Path.Combine(canary, directory));
            foreach (var name in (string[])["inner", "shadow", "passwd", "f0"]) File.WriteAllText(Path.Combine(canary, directory, name), $"{_secret}\n", Encoding.ASCII);
        }

        return canary;
    }

    /// <summary>What nobody may change: the canary, the neighbour's volume, all of the hostile pods but their volumes, and which files there are in /etc.</summary>
    private async Task<string> DescribeNodeAsync(string canary)
    {
        var pods = new List<string>();
        foreach (var name in (string[])[HostilePods.Racer, HostilePods.Intruder, HostilePods.Neighbour])
            pods.Add($"{Node.Root}/var/lib/kubelet/pods/{(string)(await Node.GetAsync(KubernetesResources.Pods, _pods.Namespace, name))["metadata"]!["uid"]!}");
        return await ToolProcess.RunAsync("bash", ["-c", """
            set -e -o pipefail
            root=$1 canary=$2
            shift 2
            neighbour=${!#}/volumes/kubernetes.io~empty-dir/data
            find "$canary" "$neighbour" -printf '%p %y %m %U:%G %s %T@ %C@ %l\n' | sort
            find "$canary" "$neighbour" -type f -print0 | sort -z | xargs -0 sha256sum
            find "$@" \( -path '*/volumes/kubernetes.io~empty-dir/data' -o -path '*/volumes/kubernetes.io~local-volume/*' \) -prune -o -printf '%p %y %m %U:%G %l\n' | sort
            find "$root/etc" -printf '%p %y %m %U:%G %l\n' | sort
            """, "describe", Node.Root, canary, .. pods]);
    }

    /// <summary>Files of the volumes outside of volumes.</summary>
    private async Task<string> FindStraysAsync() => await ToolProcess.RunAsync("bash", ["-c", """
        set -e
        # Others remove what is theirs meanwhile.
        find "$1" "$1/tmp" "$1/var" "$1/var/lib" "$1/var/lib/nodeagent-volumes" -ignore_readdir_race -maxdepth 1 -name "$2*"
        find "$1/var/lib/kubelet" -ignore_readdir_race \( -path '*/volumes/kubernetes.io~empty-dir/data' -o -path '*/volumes/kubernetes.io~local-volume/*' \) -prune -o \( -name "$2*" -o -name '.nodeagent-restore-*' -o -name inner -o -name shadow -o -name 'f[0-9]' \) -print
        """, "find", Node.Root, _pods.Mark]);

    /// <summary>Which agents there are, and how often each was started.</summary>
    private async Task<string> DescribeAgentsAsync() => string.Join('\n', (await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "name=node-agent"))
        .Select(p => $"{(string?)p["metadata"]!["uid"]}: {(int?)p["status"]!["containerStatuses"]![0]!["restartCount"]}"));
}
