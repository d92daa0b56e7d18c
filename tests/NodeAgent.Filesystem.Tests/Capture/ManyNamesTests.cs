using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>What is kept in memory of names: of those in one directory, and of those of one file.</summary>
public sealed class ManyNamesTests
{
    [Fact]
    public async Task A_directory_of_more_names_than_fit_is_named_and_the_rest_is_backed_up()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir many few; printf x > few/file; seq -f 'many/a-name-that-is-rather-long-%g' 1000 | xargs touch");
        var all = await test.RunAsync();
        Assert.True(all.IsComplete);

        var result = await test.RunAsync(request => request with { Memory = 100_000 });

        var issue = Assert.Single(result.Manifest.Issues);
        Assert.Equal("many", Encoding.UTF8.GetString(issue.Path));
        Assert.Contains("ENOMEM", issue.Error, StringComparison.Ordinal);
        Assert.DoesNotContain((await test.RestoreAsync(result.Manifest)).Issues, i => !i.ToString().Contains("many", StringComparison.Ordinal));
        Assert.True(File.Exists(test.InTarget("few", "file")));
    }

    [Fact]
    public async Task A_file_is_forgotten_when_all_of_its_names_were_seen()
    {
        var directory = Directory.CreateTempSubdirectory("nodeagent-links-").FullName;
        try
        {
            using var root = Files.OpenRoot(directory);
            File.WriteAllText(Path.Combine(directory, "a"), "x");
            TestBackup.Run("ln", Path.Combine(directory, "a"), Path.Combine(directory, "b"));
            TestBackup.Run("ln", Path.Combine(directory, "a"), Path.Combine(directory, "c"));
            File.WriteAllText(Path.Combine(directory, "single"), "x");
            var linked = new LinkedContents();
            var captured = new CapturedContent(new InlineContent("x"u8.ToArray()), 1, false, FileMoment.Of(Files.Status(root, "a"u8)));
            var content = Task.FromResult(captured);

            linked.Add(Files.Status(root, "single"u8), content);
            Assert.Equal(0, linked.Count);
            foreach (var (name, found, left) in new[] { ("a", false, 1), ("b", true, 1), ("c", true, 0) })
            {
                var status = Files.Status(root, Encoding.UTF8.GetBytes(name));
                Assert.Equal(found ? captured : null, linked.Find(status) is { } again ? await again : null);
                linked.Add(status, content);
                Assert.Equal(left, linked.Count);
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
