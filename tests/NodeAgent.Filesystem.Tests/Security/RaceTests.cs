using System.Globalization;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Security;

/// <summary>A pod changes its volume while it is backed up and restored, so that what is looked at is not what is opened.</summary>
public sealed class RaceTests
{
    /// <summary>What the pod's threads must have managed before a test may end.</summary>
    private const int FewestMet = 10;

    [Fact]
    public async Task A_pod_that_swaps_its_directories_and_files_while_it_is_backed_up_gets_nothing_of_the_node_into_the_backup()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var random = SeededRandom.Create();
        HostilePod.Fill(test.Source, random);
        var canaries = new Canaries(test.Root);
        var (rounds, swappedEntries, caught) = (0, 0, 0);
        var time = new RaceTime();
        long swaps;
        await using (var pod = new HostilePod(test.Source, Path.Combine(test.Root, "attic"), canaries, new Random(random.Next())))
        {
            while (time.GoesOn(swappedEntries >= FewestMet && caught >= FewestMet))
            {
                var result = await test.RunAsync(request => request with { ForceReread = rounds % 2 == 0 });
                rounds++;
                caught += (int)result.Manifest.IssueCount;
                swappedEntries += await CountLinksInPlaceOfDirectoriesAsync(test, result.Manifest);
                await ExpectNothingOfTheNodeAsync(test, canaries, result.Manifest);
            }

            swaps = pod.Swaps;
        }

        Report($"{rounds} backups, {swaps} swaps, {swappedEntries} entries taken as the links that were swapped in, {caught} swaps met while an entry was read");
        Assert.True(swaps > rounds, "the pod was idle");
        Assert.True(swappedEntries >= FewestMet && caught >= FewestMet, "the swaps did not meet the backups");
        canaries.ExpectUntouched();
        // That the search would have found it: a pod that has a copy of the file is backed up with it.
        File.Copy(canaries.Shadow, test.InSource("copy"));
        var last = await test.RunAsync();
        await test.RestoreAsync(last.Manifest);
        Assert.Contains("copy: the content", canaries.FindIn(test.Target), StringComparison.Ordinal);
        await test.CheckAsync();
    }

    [Fact]
    public async Task A_pod_that_swaps_directories_and_files_while_they_are_restored_has_nothing_of_the_node_written()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var random = SeededRandom.Create();
        HostilePod.Fill(test.Source, random);
        var backup = await test.RunAsync();
        await test.RestoreAsync(backup.Manifest);
        var canaries = new Canaries(test.Root);
        var (rounds, refused) = (0, 0L);
        var time = new RaceTime();
        long swaps, lost;
        await using (var pod = new HostilePod(test.Target, Path.Combine(test.Root, "attic"), canaries, new Random(random.Next())))
        {
            while (time.GoesOn(refused >= FewestMet && pod.Lost >= FewestMet))
            {
                var policy = random.Next(4) switch { 0 => OverwritePolicy.IfChanged, 1 => OverwritePolicy.Never, _ => OverwritePolicy.Always };
                var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy, InPlace = random.Next(2) == 0, Delete = random.Next(3) == 0 });
                rounds++;
                refused += result.IssueCount;
            }

            (swaps, lost) = (pod.Swaps, pod.Lost);
        }

        Report($"{rounds} restores, {swaps} swaps, {lost} things that the pod had planted and a restore replaced, {refused} refusals");
        Assert.True(swaps > rounds, "the pod was idle");
        Assert.True(refused >= FewestMet && lost >= FewestMet, "the swaps did not meet the restores");
        canaries.ExpectUntouched();
        // Nothing is left that would keep a calm restore from being complete.
        Directory.Delete(test.Target, recursive: true);
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_volume_whose_own_directory_is_swapped_for_a_link_is_refused_or_is_the_volume()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var random = SeededRandom.Create();
        var canaries = new Canaries(test.Root);
        // As the kubelet lays them out: pods/UID/volumes/KIND/NAME.
        var pods = Path.Combine(test.Root, "pods");
        var kind = Directory.CreateDirectory(Path.Combine(pods, "uid", "volumes", "kubernetes.io~empty-dir")).FullName;
        var volume = Directory.CreateDirectory(Path.Combine(kind, "data")).FullName;
        File.WriteAllText(Path.Combine(volume, "inner"), "calm");
        File.WriteAllText(Path.Combine(volume, "shadow"), "calm");
        var calm = await test.RunAsync(request => request with { SourcePath = volume, TrustedDirectory = pods });
        File.CreateSymbolicLink(Path.Combine(kind, "link"), canaries.Path);
        using var handle = Files.OpenRoot(kind);
        var (rounds, refusals, taken, swaps) = (0, 0, 0, 0);
        var time = new RaceTime();
        using var begun = new SemaphoreSlim(0);
        await using (new Disturbance(_ =>
        {
            // One swap for each attempt, at any moment of it: however slow the machine is, some come before the directory is opened and some after.
            if (!begun.Wait(TimeSpan.FromMilliseconds(100))) return;
            Thread.SpinWait(random.Next(1 << random.Next(16)));
            if (Exchange.Try(handle, "data", "link")) Interlocked.Increment(ref swaps);
        }))
        {
            while (time.GoesOn(refusals >= FewestMet && taken >= FewestMet))
            {
                Func<Task> attempt = (rounds++ % 3) switch
                {
                    0 => async () =>
                    {
                        var result = await test.RunAsync(request => request with { SourcePath = volume, TrustedDirectory = pods });
                        Assert.InRange(result.Manifest.Stats.Files, 2, 3); // the mark may be there
                        await ExpectNothingOfTheNodeAsync(test, canaries, result.Manifest);
                    }
                    ,
                    1 => () => test.RestoreAsync(calm.Manifest, request => request with { TargetPath = volume, TrustedDirectory = pods, Delete = true }),
                    _ => () => Task.Run(() => RestoreMark.Write(volume, "mark", pods)),
                };
                begun.Release();
                try
                {
                    await attempt();
                    taken++;
                }
                catch (FileSystemException failure)
                {
                    Assert.Contains("must be a directory and no link", failure.Message, StringComparison.Ordinal);
                    refusals++;
                }
            }
        }

        Report($"{rounds} rounds, {swaps} swaps, {taken} times the volume, {refusals} times refused");
        Assert.True(refusals >= FewestMet && taken >= FewestMet, "the swaps did not meet the runs");
        canaries.ExpectUntouched();
    }

    [Theory]
    [InlineData("pods/uid")]
    [InlineData("pods/uid/volumes/kubernetes.io~empty-dir")]
    [InlineData("pods/uid/volumes/kubernetes.io~empty-dir/data")]
    public async Task A_link_anywhere_on_the_way_to_a_volume_is_refused_in_one_line(string linked)
    {
        await using var test = await TestBackup.CreateAsync();
        var pods = Path.Combine(test.Root, "pods");
        var volume = Directory.CreateDirectory(Path.Combine(pods, "uid", "volumes", "kubernetes.io~empty-dir", "data")).FullName;
        File.WriteAllText(Path.Combine(volume, "file"), "x");
        var backup = await test.RunAsync(request => request with { SourcePath = volume, TrustedDirectory = pods });
        Assert.Equal(1, backup.Manifest.Stats.Files);
        var path = Path.Combine(test.Root, linked);
        Directory.Move(path, Path.Combine(test.Root, "moved"));
        File.CreateSymbolicLink(path, Path.Combine(test.Root, "moved"));

        Func<Task>[] attempts =
        [
            () => test.RunAsync(request => request with { SourcePath = volume, TrustedDirectory = pods }),
            () => test.RestoreAsync(backup.Manifest, request => request with { TargetPath = volume, TrustedDirectory = pods }),
            () => Task.Run(() => RestoreMark.Write(volume, "mark", pods)),
            () => Task.Run(() => RestoreMark.Remove(volume, pods)),
        ];
        foreach (var attempt in attempts)
        {
            var failure = await Assert.ThrowsAsync<FileSystemException>(attempt);
            Assert.StartsWith($"{volume}: open {Path.GetFileName(path)}, which must be a directory and no link", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', failure.Message);
        }

        Assert.False(RestoreMark.Exists(volume, "mark", pods));
        await Assert.ThrowsAsync<FileSystemException>(() => test.RunAsync(request => request with { SourcePath = $"{pods}/../source", TrustedDirectory = pods }));
    }

    [Fact]
    public async Task What_a_pod_puts_in_the_place_of_a_restores_mark_neither_holds_the_agent_nor_is_changed()
    {
        await using var test = await TestBackup.CreateAsync();
        var canaries = new Canaries(test.Root);
        test.Shell("mkdir .velero; mkfifo .velero/fifo; printf x > other; chmod 600 other; ln other .velero/linked; ln -s ../../etc/shadow .velero/link");
        foreach (var name in (string[])["fifo", "linked", "link"])
        {
            await Task.Run(() => RestoreMark.Write(test.Source, name), TestBackup.Cancellation).WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation);

            Assert.True(RestoreMark.Exists(test.Source, name));
            Assert.True(RestoreMark.Exists(test.Source, name, test.Root));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(test.InSource("other")));
        canaries.ExpectUntouched();
        test.Shell("rm -r .velero; ln -s ../etc .velero");
        Assert.Throws<FileSystemException>(() => RestoreMark.Write(test.Source, "mark"));
        canaries.ExpectUntouched();
    }

    private static void Report(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);

    private static async Task ExpectNothingOfTheNodeAsync(TestBackup test, Canaries canaries, SnapshotManifest manifest)
    {
        var directory = Path.Combine(test.Root, "restored");
        await test.RestoreAsync(manifest, request => request with { TargetPath = directory });
        var found = canaries.FindIn(directory);
        Directory.Delete(directory, recursive: true);
        Assert.True(found is null, $"the backup holds what is not the volume's: {found}");
    }

    /// <summary>The pod's own entries that were links at the moment when they were taken.</summary>
    private static async Task<int> CountLinksInPlaceOfDirectoriesAsync(TestBackup test, SnapshotManifest manifest)
    {
        using var reader = test.Repository.CreateReader();
        var tree = new TreeReader(reader.Source, test.Repository.Config.Parameters.Trees);
        var count = 0;
        await foreach (var entry in tree.ReadDirectoryAsync(manifest.ReadRoot(), TestBackup.Cancellation))
        {
            var name = Encoding.ASCII.GetString(entry.Name.Span);
            if (name[0] == 'd' && int.TryParse(name[1..], CultureInfo.InvariantCulture, out _) && entry.Type == TreeEntryType.SymbolicLink) count++;
        }

        return count;
    }
}
