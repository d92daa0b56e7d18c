using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class OverwriteTests
{
    [Fact]
    public async Task If_changed_leaves_files_of_the_same_size_and_time_and_gives_them_their_metadata()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf one > same; printf two > other; printf three > moved; chmod 640 same; setfattr -n user.kept -v 1 same 2>/dev/null || true");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var inode = Inode(test, "same");
        var modified = File.GetLastWriteTimeUtc(test.InTarget("same"));
        // The same length and the same time, so that nobody who trusts them can tell; the mode is another one.
        File.WriteAllText(test.InTarget("same"), "ONE");
        File.SetLastWriteTimeUtc(test.InTarget("same"), modified);
        TestBackup.Run("touch", "-r", test.InSource("same"), test.InTarget("same"));
        TestBackup.Run("chmod", "777", test.InTarget("same"));
        File.WriteAllText(test.InTarget("other"), "2");
        TestBackup.Run("touch", "-d", "2001-02-03", test.InTarget("moved"));

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.IfChanged });

        Assert.Equal((0, 3, 1), (result.IssueCount, result.Files, result.Unchanged));
        Assert.Equal(("ONE", "two", "three"), (File.ReadAllText(test.InTarget("same")), File.ReadAllText(test.InTarget("other")), File.ReadAllText(test.InTarget("moved"))));
        Assert.Equal(inode, Inode(test, "same"));
        File.WriteAllText(test.InTarget("same"), "one");
        TestBackup.Run("touch", "-r", test.InSource("same"), test.InTarget("same"));
        test.ExpectSameTree();
    }

    [Fact]
    public async Task If_newer_replaces_only_what_is_older_than_the_snapshot()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("for f in older newer equal; do printf new > $f; touch -d '2020-01-01 12:00:00.5' $f; done");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.Target);
        foreach (var (name, time) in (ReadOnlySpan<(string, string)>)[("older", "2020-01-01 12:00:00.4"), ("newer", "2020-01-01 12:00:00.6"), ("equal", "2020-01-01 12:00:00.5")])
        {
            File.WriteAllText(test.InTarget(name), "old");
            TestBackup.Run("touch", "-d", time, test.InTarget(name));
        }

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.IfNewer });

        Assert.Equal((0, 1, 2), (result.IssueCount, result.Files, result.Skipped));
        Assert.Equal(("new", "old", "old"), (File.ReadAllText(test.InTarget("older")), File.ReadAllText(test.InTarget("newer")), File.ReadAllText(test.InTarget("equal"))));
    }

    [Theory]
    [InlineData(OverwritePolicy.Always)]
    [InlineData(OverwritePolicy.IfChanged)]
    public async Task Only_ranges_that_differ_are_read_and_rewritten_in_place(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        var content = random.Bytes(20 << 20);
        File.WriteAllBytes(test.InSource("large"), content);
        File.WriteAllText(test.InSource("small"), "small content");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var inode = Inode(test, "large");
        using (var file = File.OpenWrite(test.InTarget("large")))
        {
            file.Position = random.Next(content.Length);
            file.WriteByte((byte)(content[file.Position] + 1));
        }

        File.AppendAllText(test.InTarget("large"), "and more");
        File.WriteAllText(test.InTarget("small"), "small CONTENT");
        var reads = 0;
        test.Store.BeforeRead = key => Interlocked.Add(ref reads, key.StartsWith("data/", StringComparison.Ordinal) ? 1 : 0);

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy, InPlace = true });

        Assert.Empty(result.Issues);
        Assert.Equal(inode, Inode(test, "large"));
        test.ExpectSameTree();
        // One chunk of the twenty or so, and pages of the tree.
        Assert.InRange(reads, 1, 6);
    }

    [Theory]
    [InlineData(OverwritePolicy.Always)]
    [InlineData(OverwritePolicy.IfChanged)]
    [InlineData(OverwritePolicy.IfNewer)]
    public async Task What_fails_in_the_middle_in_place_is_made_good_by_the_same_restore_again(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        Directory.CreateDirectory(test.Target);
        File.WriteAllBytes(test.InTarget("file"), random.Bytes(6 << 20));
        File.SetLastWriteTimeUtc(test.InTarget("file"), DateTime.UtcNow.AddHours(-2));
        File.WriteAllBytes(test.InSource("file"), random.Bytes(6 << 20));
        File.SetLastWriteTimeUtc(test.InSource("file"), DateTime.UtcNow.AddHours(-1));
        var backup = await test.RunAsync();
        var content = Assert.IsType<ChunkList>((await test.FindAsync(backup.Manifest, "file")).Content);
        using var reader = test.Repository.CreateReader();
        Assert.True(reader.TryLocate(content.Items[^1].Id, out var location));
        test.Store.BeforeRead = key =>
        {
            if (key == location.Pack.Key) throw new StoreException(StoreFailure.Other, "reading", key, "told to");
        };
        Assert.Equal(1, (await test.RestoreAsync(backup.Manifest, request => request with { InPlace = true, Overwrite = policy })).IssueCount);
        test.Store.BeforeRead = static _ => { };

        var result = await test.RestoreAsync(backup.Manifest, request => request with { InPlace = true, Overwrite = policy });

        Assert.Empty(result.Issues);
        test.ExpectSameTree();
    }

    [Fact]
    public async Task What_is_appended_to_a_file_while_it_is_restored_in_place_does_not_stay()
    {
        await using var test = await TestBackup.CreateAsync();
        var content = SeededRandom.Create().Bytes(6 << 20);
        File.WriteAllBytes(test.InSource("large"), content);
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget(""));
        content[3 << 20] ^= 1;
        File.WriteAllBytes(test.InTarget("large"), content);
        var appended = 0;
        test.Store.BeforeReadRange = (key, _, length) =>
        {
            // The read of the chunk that differs, when the file's size was looked at long ago.
            if (length > 100_000 && key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Exchange(ref appended, 1) == 0) File.AppendAllText(test.InTarget("large"), "and more");
        };

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.Always, InPlace = true });

        Assert.Empty(result.Issues);
        Assert.Equal(1, appended);
        test.ExpectSameTree();
    }

    [Fact]
    public async Task What_differs_in_place_is_read_ahead_in_few_large_reads()
    {
        await using var test = await TestBackup.CreateAsync();
        var content = SeededRandom.Create().Bytes(30 << 20);
        File.WriteAllBytes(test.InSource("large"), content);
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget("."));
        File.WriteAllBytes(test.InTarget("large"), new byte[content.Length]);
        var (now, count) = (0, 0);
        using var two = new ManualResetEventSlim();
        test.Store.BeforeReadRange = (key, _, _) =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            Interlocked.Increment(ref count);
            if (Interlocked.Increment(ref now) > 1) two.Set();
            // Nobody waits once two reads were under way; where each is waited for alone, the first one shows it.
            two.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            Interlocked.Decrement(ref now);
        };

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Workers = 1, Overwrite = OverwritePolicy.Always, InPlace = true });

        Assert.Empty(result.Issues);
        Assert.True(two.IsSet);
        test.ExpectSameTree();
        // Thirty chunks or so, in parts of 4 MiB that lie in two packs each; and pages of the tree.
        Assert.InRange(count, 2, 22);
    }

    [Fact]
    public async Task Random_damage_is_made_good_in_place_holes_and_lengths_included()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < 6; round++)
        {
            await using var test = await TestBackup.CreateAsync();
            File.WriteAllBytes(test.InSource("file"), random.Bytes(random.Next(1, 6 << 20)));
            if (random.Next(2) == 0) test.Shell($"truncate -s +{random.Next(1, 5 << 20)} file; printf end >> file; truncate -s +{random.Next(1, 1 << 20)} file");
            test.Shell($"truncate -s {random.Next(1, 1 << 20)} empty; head -c {random.Next(1, 20_000)} /dev/urandom > small");
            var backup = await test.RunAsync();
            Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
            foreach (var name in (string[])["file", "empty", "small"])
            {
                using var file = File.OpenWrite(test.InTarget(name));
                for (var damage = random.Next(4); damage > 0; damage--)
                {
                    file.Position = random.NextInt64(file.Length + 100_000);
                    file.Write(random.Bytes(random.Next(1, 200_000)));
                }

                if (random.Next(2) == 0) file.SetLength(random.NextInt64(file.Length + 1));
            }

            var result = await test.RestoreAsync(backup.Manifest, request => request with { InPlace = true });

            Assert.Empty(result.Issues);
            test.ExpectSameTree();
        }
    }

    [Fact]
    public async Task A_hole_that_was_written_to_is_a_hole_again()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("head -c 100000 /dev/urandom > file; truncate -s +4M file; printf end >> file");
        Assert.SkipUnless(Blocks(test.InSource("file")) < 2048, "the file system of the temporary directory has no holes");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        TestBackup.Run("dd", "if=/dev/urandom", $"of={test.InTarget("file")}", "bs=100000", "seek=2", "count=30", "conv=notrunc");
        Assert.True(Blocks(test.InTarget("file")) > 4096);

        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { InPlace = true })).Issues);

        Assert.InRange(Blocks(test.InTarget("file")), 0, 2048);
        test.ExpectSameTree();
    }

    [Theory]
    [InlineData(OverwritePolicy.Always)]
    [InlineData(OverwritePolicy.IfChanged)]
    public async Task A_file_with_another_name_and_a_link_are_never_written_through(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf 'restored content' > hard; printf 'restored content' > soft; printf 'restored content' > same; chmod 600 same");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.Target);
        var outside = Path.Combine(test.Root, "outside");
        var linked = Path.Combine(test.Root, "linked");
        var twin = Path.Combine(test.Root, "twin");
        foreach (var path in (string[])[outside, linked]) File.WriteAllText(path, "somebody's content");
        // Looks exactly like the file in the snapshot, but is also another file's name.
        File.WriteAllText(twin, "restored content");
        TestBackup.Run("touch", "-r", test.InSource("same"), twin);
        TestBackup.Run("ln", linked, test.InTarget("hard"));
        TestBackup.Run("ln", twin, test.InTarget("same"));
        File.CreateSymbolicLink(test.InTarget("soft"), outside);

        var result = await test.RestoreAsync(backup.Manifest, request => request with { InPlace = true, Overwrite = policy });

        Assert.Empty(result.Issues);
        test.ExpectSameTree();
        Assert.Equal(("somebody's content", "somebody's content"), (File.ReadAllText(outside), File.ReadAllText(linked)));
        Assert.NotEqual("600", TestBackup.Run("stat", "-c", "%a", twin).Trim());
    }

    [Fact]
    public async Task Names_of_one_file_stay_one_and_two_files_become_two()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > a; ln a b; printf x > c; ln c d; touch -r a c; printf y > single; touch -r a single");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var inode = Inode(test, "a");

        var again = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.IfChanged });
        Assert.Equal((5, 5), (again.Files, again.Unchanged));
        Assert.Equal(inode, Inode(test, "a"));

        // One file where the snapshot has two: equal in everything that a look at it shows.
        TestBackup.Run("sh", "-c", "cd \"$1\"; rm c d; ln a c; ln a d", "sh", test.Target);
        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.IfChanged })).Issues);
        test.ExpectSameTree();
    }

    private static long Blocks(string path) => long.Parse(TestBackup.Run("sh", "-c", "sync -f \"$1\"; stat -c %b \"$1\"", "sh", path), System.Globalization.CultureInfo.InvariantCulture);

    private static string Inode(TestBackup test, string name) => TestBackup.Run("stat", "-c", "%i", test.InTarget(name));
}
