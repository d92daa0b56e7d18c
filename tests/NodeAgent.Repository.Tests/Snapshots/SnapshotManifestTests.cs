using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Tests.Trees;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Snapshots;

public sealed class SnapshotManifestTests
{
    internal static SnapshotManifest Example { get; } = new()
    {
        Time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Hostname = "node-1",
        Source = new SnapshotSource { Kind = SnapshotSource.PodVolume, Namespace = "web", Pod = "db-0", Volume = "data", Pvc = "data-db-0" },
        Tags = new Dictionary<string, string> { ["app"] = "db" },
        Root = RootEntry.Encode(EntryGenerator.Directory().WithDirectory(EmptyDirectory.Instance)),
        Outcome = SnapshotOutcome.PartiallyFailed,
        Issues = [new SnapshotIssue([0xFF, (byte)'a'], "\\xffa", "open", "permission denied (EACCES)")],
        IssueCount = 1,
    };

    [Fact]
    public void A_manifest_comes_back_as_it_was()
    {
        var read = SnapshotManifest.Parse(Example.ToJson(), "snap/x");
        Assert.Equal(Example.Time, read.Time);
        Assert.Equal(Example.Source, read.Source);
        Assert.Equal(Example.Tags, read.Tags);
        Assert.Equal(Example.Issues[0].Path, read.Issues[0].Path);
        Assert.Equal(SnapshotOutcome.PartiallyFailed, read.Outcome);
        Assert.Equal(ulong.MaxValue, read.ReadRoot().Inode);
    }

    [Fact]
    public void The_json_is_these_bytes() => Assert.Equal(
        """
        {"version":1,"time":"2026-01-02T03:04:05+00:00","hostname":"node-1","source":{"kind":"pod-volume","namespace":"web","pod":"db-0","volume":"data","pvc":"data-db-0"},"tags":{"app":"db"},"root":"FwIAAO0D0A/IAYDA8PULAYLA8PULAgEA","outcome":"PartiallyFailed","partial":false,"stats":{"files":0,"directories":0,"symlinks":0,"others":0,"bytes":0,"newBytes":0,"storedBytes":0,"unchangedFiles":0,"newFiles":0,"changedFiles":0},"issues":[{"path":"/2E=","display":"\\xffa","operation":"open","error":"permission denied (EACCES)"}],"issueCount":1}
        """,
        Encoding.UTF8.GetString(Example.ToJson()));

    [Fact]
    public void Unknown_fields_are_ignored_and_a_newer_version_is_refused()
    {
        var json = Encoding.UTF8.GetString(Example.ToJson());
        Assert.Equal("node-1", SnapshotManifest.Parse(Encoding.UTF8.GetBytes(json.Replace("{\"version\":1", "{\"new\":{\"a\":[1]},\"version\":1", StringComparison.Ordinal)), "snap/x").Hostname);
        var exception = Assert.Throws<RepositoryFormatException>(
            () => SnapshotManifest.Parse("""{"version":2,"time":"in another form"}"""u8, "snap/x"));
        Assert.Contains("needs a newer nodeagent", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"version":1}""")]
    [InlineData("""{"version":1,"time":"2026-01-02T03:04:05Z","source":null,"root":"AA=="}""")]
    [InlineData("""{"version":1,"time":"2026-01-02T03:04:05Z","source":{"kind":"directory"},"root":"AA==","issues":null}""")]
    public void What_is_no_manifest_is_refused_by_name(string json)
    {
        var exception = Assert.Throws<RepositoryFormatException>(() => SnapshotManifest.Parse(Encoding.UTF8.GetBytes(json), "snap/x"));
        Assert.Equal("snap/x", exception.ObjectKey);
    }

    [Fact]
    public void Mutated_json_is_read_or_refused()
    {
        var random = SeededRandom.Create();
        var json = Example.ToJson();
        var refused = 0;
        for (var round = 0; round < 2000; round++)
        {
            var bytes = json.ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                SnapshotManifest.Parse(bytes, "snap/x");
            }
            catch (RepositoryFormatException)
            {
                refused++;
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 << 10);
        }
        Assert.InRange(refused, 500, 1999);
    }
}
