using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests;

/// <summary>What was looked at and what is opened must be one directory: volumes come and go.</summary>
public sealed class DirectoryIdentityTests
{
    [Fact]
    public void Where_a_mount_begins_is_told_from_what_is_below_it()
    {
        Assert.SkipWhen(DirectoryIdentity.Of("/proc").IsMountPoint is null, "the kernel does not say where mounts begin: 5.8 or newer is needed");
        Assert.True(DirectoryIdentity.Of("/proc").IsMountPoint);
        Assert.False(DirectoryIdentity.Of("/proc/self").IsMountPoint);
    }

    [Fact]
    public async Task A_source_that_another_directory_has_taken_the_place_of_is_not_backed_up()
    {
        await using var test = await TestBackup.CreateAsync();
        var seen = DirectoryIdentity.Of(test.Source);
        await test.RunAsync(request => request with { SourceIdentity = seen });
        Directory.Move(test.Source, test.Source + " elsewhere");
        Directory.CreateDirectory(test.Source);

        var failure = await Assert.ThrowsAsync<IOException>(() => test.RunAsync(request => request with { SourceIdentity = seen }));

        Assert.Contains($"{test.Source}: another directory has taken its place", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_target_that_is_gone_is_not_made_and_another_is_not_written_to(bool isReplaced)
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("note"), "hello");
        var backup = await test.RunAsync();
        var seen = DirectoryIdentity.Of(Directory.CreateDirectory(test.Target).FullName);
        Directory.Move(test.Target, test.Target + " elsewhere");
        if (isReplaced) Directory.CreateDirectory(test.Target);

        await Assert.ThrowsAnyAsync<IOException>(() => test.RestoreAsync(backup.Manifest, request => request with { TargetIdentity = seen }));

        Assert.Equal(isReplaced, Directory.Exists(test.Target));
        if (isReplaced) Assert.Empty(Directory.GetFileSystemEntries(test.Target));
        // The same directory, with its name again, is taken.
        if (isReplaced) Directory.Delete(test.Target);
        Directory.Move(test.Target + " elsewhere", test.Target);
        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { TargetIdentity = seen })).Issues);
        Assert.True(File.Exists(test.InTarget("note")));
    }
}
