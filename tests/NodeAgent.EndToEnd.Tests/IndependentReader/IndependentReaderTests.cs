using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using NodeAgent.EndToEnd.Tests.Processes;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>What the product writes is read by a program that knows docs/format.md and nothing of the product.</summary>
public sealed partial class IndependentReaderTests(WrittenRepository written) : IClassFixture<WrittenRepository>
{
    [Fact]
    public async Task With_the_key_alone_a_snapshot_is_extracted_as_it_was()
    {
        var reader = written.Open();
        var target = written.NewDirectory();
        PlainExtractor.Extract(reader, PlainReader.Root(reader.Snapshots()[written.SnapshotId]), Encoding.UTF8.GetBytes(target));

        var expected = await DiskTree.ReadAsync(written.Source);
        var extracted = await DiskTree.ReadAsync(target);
        Assert.Equal(expected.Keys, extracted.Keys);
        Assert.All(expected, file => Assert.Equal(file.Value.WhatIsRestored(), extracted[file.Key].WhatIsRestored()));
    }

    [Fact]
    public async Task Every_entry_says_what_the_disk_says()
    {
        var reader = written.Open();
        var listed = new SortedDictionary<string, DiskFile>(StringComparer.Ordinal);
        var linkGroups = new Dictionary<string, ulong?>();
        Describe(reader, PlainReader.Root(reader.Snapshots()[written.SnapshotId]), "", listed, linkGroups);

        var disk = await DiskTree.ReadAsync(written.Source);
        Assert.Equal(disk.Keys, listed.Keys);
        Assert.True(disk.Count > WrittenRepository.ManyEntries);
        // An entry does not count a file's names; it says which entries are one file.
        Assert.All(disk, file => Assert.Equal(file.Value with { Links = 0 }, listed[file.Key]));
        Assert.Equal(["inlined", "second name"], linkGroups.Where(group => group.Value is not null).Select(group => group.Key).Order());
        Assert.Equal(listed["inlined"].Inode, listed["second name"].Inode);
    }

    [Fact]
    public void Each_way_to_hold_content_was_written()
    {
        var reader = written.Open();
        var root = PlainReader.Root(reader.Snapshots()[written.SnapshotId]);
        var entries = reader.List(root).ToDictionary(entry => Encoding.Latin1.GetString(entry.Name));
        Assert.Equal(0, entries["empty"].ContentKind);
        Assert.Equal(1, entries["inlined"].ContentKind);
        Assert.Equal(3, entries["big"].ContentKind);
        Assert.Contains("caf\u00e9", entries.Keys);
        Assert.All(reader.List(entries["small"]), file => Assert.Equal(2, file.ContentKind));
        Assert.Equal((2, 1), (entries["many"].ContentKind, entries["many"].Level));
        Assert.Equal(1, entries["nested"].ContentKind);
        Assert.Equal(0, reader.List(entries["nested"]).Single(entry => entry.Name.AsSpan().SequenceEqual("nothing"u8)).ContentKind);
        if (written.HasAttributes)
        {
            var attribute = Assert.Single(entries["text"].Attributes);
            Assert.Equal(WrittenRepository.AttributeName, attribute.Name);
            Assert.Equal(WrittenRepository.AttributeValue, reader.AttributeValue(attribute));
        }

        Assert.SkipWhen(entries["one-hole"].ContentKind != 5, "the file system of the temporary directory has no holes");
        Assert.Equal([true, false, true], reader.Items(entries["holes"]).Select(item => item.Id is null));
        Assert.Equal((4, 1), (entries["many-holes"].ContentKind, entries["many-holes"].Level));
        Assert.Equal(2 * WrittenRepository.ManyExtents, reader.Items(entries["many-holes"]).Count);
    }

    [Fact]
    public async Task Packs_alone_are_enough()
    {
        var reader = written.Open(fromPacks: true);
        var hash = Hash(reader, Find(reader, "big"));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(written.Source, "big"), TestContext.Current.CancellationToken))), hash);
        Assert.Equal(WrittenRepository.ManyEntries, reader.List(Find(reader, "many")).Count);
    }

    [Fact]
    public void Files_directories_and_lists_are_cut_where_the_page_says()
    {
        var reader = written.Open();
        var chunker = new PlainChunker(reader.Keys.Gear, reader.Config);
        var big = Find(reader, "big");
        var lengths = chunker.Cut(File.ReadAllBytes(Path.Combine(written.Source, "big")));
        Assert.True(lengths.Count > 4, $"{lengths.Count} chunks");
        Assert.Equal(lengths, reader.Items(big).Select(item => item.Length));

        var many = Find(reader, "many");
        var pages = reader.Leaves(many.ChunkId!, many.Level);
        Assert.True(pages.Count > 3, $"{pages.Count} pages");
        foreach (var (page, isLast) in pages.Select((page, i) => (page, i == pages.Count - 1)))
        {
            long length = 0;
            foreach (var (entry, ends) in page.Select((entry, i) => (entry, i == page.Count - 1 && !isLast)))
            {
                length += entry.EncodedLength;
                Assert.Equal(ends, chunker.EndsPage(length, entry.Name));
            }
        }

        var holes = Find(reader, "many-holes");
        Assert.SkipWhen(holes.ContentKind != 4, "the file system of the temporary directory has no holes");
        var lists = reader.Lists(holes.ChunkId!, holes.Level, holes.Size);
        foreach (var (list, isLast) in lists.Select((list, i) => (list, i == lists.Count - 1)))
        {
            for (var i = 0; i < list.Count; i++)
            {
                var ends = i + 1 == 2048 || (i + 1 >= 64 && list[i].Id is [0, ..]);
                if (i < list.Count - 1) Assert.False(ends);
                else Assert.True(ends || isLast);
            }
        }
    }

    [Fact]
    public void The_snapshot_says_what_was_backed_up()
    {
        var manifest = Assert.Single(written.Open().Snapshots()).Value;
        Assert.Equal("directory", (string?)manifest["source"]!["kind"]);
        Assert.Equal(written.Source, (string?)manifest["source"]!["path"]);
        Assert.Equal("reading", (string?)manifest["tags"]!["purpose"]);
        Assert.Equal("Completed", (string?)manifest["outcome"]);
        Assert.Equal(0, (int?)manifest["issueCount"]);
        Assert.True(DateTimeOffset.UtcNow - (DateTimeOffset)manifest["time"]! < TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task A_passphrase_opens_it_and_a_forgotten_snapshot_is_hidden()
    {
        Assert.SkipUnless(PlainArgon2.IsAvailable, "libargon2 is not installed");
        var directory = written.NewDirectory();
        var (repository, passwordFile) = (Path.Combine(directory, "repository"), Path.Combine(directory, "password"));
        await File.WriteAllTextAsync(passwordFile, "correct horse, pähr\n", TestContext.Current.CancellationToken);
        await NodeAgentCommand.RunAsync("repo", "init", "--repo", repository, "--password-file", passwordFile);
        var first = await written.CreateSnapshotAsync(repository, "--password-file", passwordFile);
        var second = await written.CreateSnapshotAsync(repository, "--password-file", passwordFile);

        var secret = PlainSecret.Passphrase(Encoding.UTF8.GetBytes("correct horse, pähr"));
        var reader = PlainReader.Open(repository, secret);
        Assert.Equal(new[] { first, second }.Order(), reader.Snapshots().Keys.Order());
        Assert.Equal(first, (string?)reader.Snapshots()[second]["parent"]);
        var text = reader.List(PlainReader.Root(reader.Snapshots()[second])).Single(entry => entry.Name.AsSpan().SequenceEqual("text"u8));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(written.Source, "text"), TestContext.Current.CancellationToken))), Hash(reader, text));
        Assert.Throws<InvalidDataException>(() => PlainReader.Open(repository, PlainSecret.Passphrase("another"u8.ToArray())));

        await NodeAgentCommand.RunAsync("snapshot", "forget", first, "--repo", repository, "--password-file", passwordFile);
        Assert.Equal([second], reader.Snapshots().Keys);
    }

    [Fact]
    public void The_readers_sources_use_nothing_of_the_product()
    {
        var folder = Path.Combine(Checkout.Root, "tests/NodeAgent.EndToEnd.Tests/IndependentReader");
        var files = Directory.GetFiles(folder, "*.cs");
        Assert.Contains(files, file => file.EndsWith("PlainReader.cs", StringComparison.Ordinal));
        Assert.All(files, file => Assert.DoesNotMatch(ProductName(), File.ReadAllText(file)));
        // The pattern does find what it is to find.
        Assert.Matches(ProductName(), "using " + nameof(NodeAgent) + ".Repository;");
        Assert.Matches(ProductName(), "var id = Repo" + "sitory.Objects.ChunkId.Length;");
    }

    /// <summary>The product's namespaces, in full or from within this one; a path of files is none.</summary>
    [GeneratedRegex(@"\bNodeAgent\.(?!(EndToEnd|sln|Repository\.Tests/Golden)\b)|(?<![\w.""])(Repository|Filesystem|Stores|Kubernetes|Hosting|Agent|Controller|Cli|DevCluster)\.[A-Z]\w*\.")]
    private static partial Regex ProductName();

    private PlainEntry Find(PlainReader reader, string name) =>
        reader.List(PlainReader.Root(reader.Snapshots()[written.SnapshotId])).Single(entry => entry.Name.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(name)));

    private static void Describe(PlainReader reader, PlainEntry entry, string path, SortedDictionary<string, DiskFile> listed, Dictionary<string, ulong?> linkGroups)
    {
        var type = entry.Type switch { PlainEntry.RegularFile => "f", PlainEntry.Directory => "d", PlainEntry.SymbolicLink => "l", PlainEntry.Pipe => "p", var other => $"{other}" };
        listed.Add(path, new DiskFile(
            type, Convert.ToString(entry.Mode, 8), $"{entry.Uid}:{entry.Gid}", entry.Size, Time(entry.ModifiedSeconds, entry.ModifiedNanoseconds),
            Time(entry.ChangedSeconds, entry.ChangedNanoseconds), entry.Inode.ToString(CultureInfo.InvariantCulture), 0,
            entry.Target is null ? "" : Encoding.Latin1.GetString(entry.Target), type == "f" ? Hash(reader, entry) : ""));
        linkGroups.Add(path, entry.LinkGroup);
        if (type != "d") return;
        foreach (var child in reader.List(entry))
        {
            var name = Encoding.Latin1.GetString(child.Name);
            Describe(reader, child, path.Length == 0 ? name : $"{path}/{name}", listed, linkGroups);
        }
    }

    private static string Time(long seconds, uint nanoseconds) =>
        seconds < 0 && nanoseconds > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{(seconds + 1 == 0 ? "-0" : seconds + 1)}.{1_000_000_000 - nanoseconds:d9}")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds}.{nanoseconds:d9}");

    private static string Hash(PlainReader reader, PlainEntry file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (bytes, length) in reader.Runs(file)) hash.AppendData(bytes ?? new byte[length]);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
