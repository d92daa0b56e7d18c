using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Verification;

public sealed class RepositoryCheckTests : IDisposable
{
    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Parts_that_are_read_one_after_the_other_get_round_and_begin_again_with_the_oldest()
    {
        var root = await CreateAsync();
        var path = Path.Combine(_copies.Take(), "cache", "check");
        var time = new SteppingTime();
        var (runs, total) = (0, 0);
        CheckReport report;
        do
        {
            report = await CheckAsync(root, path, time, o => o with { Share = 0.2 });
            total += report.ReadPacks;
            runs++;
            Assert.True(report.IsSound);
            Assert.InRange(report.ReadPacks, 1, (report.Packs / 2) + 1);
            Assert.Equal(Math.Max(0, report.Packs - total), report.NeverReadPacks);
            Assert.True(runs <= report.Packs, "it does not get round");
        }
        while (report.NeverReadPacks > 0);

        Assert.InRange(runs, 3, 6);
        var oldest = report.OldestVerification;
        Assert.NotNull(oldest);
        // The next ones are those of the first run: afterwards the oldest is younger.
        Assert.True((await CheckAsync(root, path, time, o => o with { MaxBytes = 64 << 10 })).OldestVerification >= oldest);
        var whole = await CheckAsync(root, path, time, o => o);
        Assert.Equal((whole.Packs, 0, 0), (whole.ReadPacks, whole.RecentPacks, whole.PacksLeft));
        Assert.True(whole.OldestVerification > oldest);
    }

    [Fact]
    public async Task A_check_reads_the_disk_and_takes_nothing_of_the_page_cache()
    {
        var root = await CreateAsync(packTarget: 1 << 20);
        string[] packs = [.. Directory.EnumerateFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).Length >= DirectFile.ShortestRead)];
        Assert.NotEmpty(packs);
        foreach (var pack in packs) PageCache.Evict(pack);
        // Some file systems keep what they are told to give back, and some take the flag and go through the page cache all the same.
        using (var memory = DirectFile.CreateBuffer(DirectFile.ShortestRead))
        using (var pack = File.OpenHandle(packs[0]))
        {
            if (DirectFile.Read(pack, memory.Memory.Span, 0) == 0 || packs.Sum(PageCache.CountPages) > 0)
                Assert.Skip($"the file system of {root} does not read past the page cache: set TMPDIR to a directory on ext4 or XFS");
        }

        await using var repository = await OpenAsync(new DirectoryStore(root), TimeProvider.System);
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);

        Assert.True(report.IsSound);
        Assert.Equal(report.Packs, report.ReadPacks);
        Assert.Equal(0, packs.Sum(PageCache.CountPages));
        // What is read in the plain way is in it.
        _ = await File.ReadAllBytesAsync(packs[0], Cancellation);
        Assert.NotEqual(0, PageCache.CountPages(packs[0]));
    }

    [Fact]
    public async Task A_backup_that_ends_at_any_moment_of_a_check_is_no_damage()
    {
        var root = await CreateAsync();
        for (var moment = 0; ; moment++)
        {
            var lists = 0;
            var store = new PutStore(root);
            await using var repository = await TestRepository.OpenAsync(store);
            store.BeforeList = async _ =>
            {
                if (lists++ != moment) return;
                await using var other = await TestRepository.OpenAsync(new DirectoryStore(root));
                await SampleBackup.WriteAsync(other, SampleTree.Create(SeededRandom.Create(), 8 << 10, 2));
            };
            var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
            Assert.Equal([], report.Problems.Where(p => p.IsDamage).Select(p => $"before list {moment}: {p.ObjectKey}: {p.Message}"));
            if (lists <= moment) break;
        }
    }

    [Fact]
    public async Task A_record_of_collection_that_no_backup_could_understand_is_damage()
    {
        var root = await CreateAsync();
        var path = Path.Combine(_copies.Take(), "check");
        Directory.CreateDirectory(Path.Combine(root, "gc", "0123456789abcdef"));
        var record = Path.Combine(root, "gc", "0123456789abcdef", "condemn-0");
        File.WriteAllBytes(record, new byte[200]);
        var report = await CheckAsync(root, path, new SteppingTime(), o => o);
        Assert.False(report.IsSound);
        Assert.Equal("gc/0123456789abcdef/condemn-0", Assert.Single(report.Problems, p => p.IsDamage).ObjectKey);
        File.Delete(record);
        Assert.True((await CheckAsync(root, path, new SteppingTime(), o => o)).IsSound);
    }

    [Fact]
    public async Task What_was_verified_not_long_ago_is_not_read_again_and_what_was_damaged_is()
    {
        var root = await CreateAsync();
        var path = Path.Combine(_copies.Take(), "check");
        var time = new SteppingTime();
        var first = await CheckAsync(root, path, time, o => o);
        Assert.Equal(first.Packs, first.ReadPacks);
        var since = time.Now - TimeSpan.FromDays(30);
        var second = await CheckAsync(root, path, time, o => o with { VerifiedSince = since });
        Assert.Equal((0, first.Packs, 0L), (second.ReadPacks, second.RecentPacks, second.ReadBytes));

        // One of data: packs of directories are read by every check, and names, which are random, do not tell one from the other.
        var pack = Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).MaxBy(file => new FileInfo(file).Length)!;
        var sound = await File.ReadAllBytesAsync(pack, Cancellation);
        await File.WriteAllBytesAsync(pack, [.. sound[..100], (byte)(sound[100] ^ 1), .. sound[101..]], Cancellation);
        Assert.True((await CheckAsync(root, path, time, o => o with { VerifiedSince = since })).IsSound); // as asked for
        Assert.False((await CheckAsync(root, path, time, o => o)).IsSound);
        for (var again = 0; again < 2; again++)
        {
            var damaged = await CheckAsync(root, path, time, o => o with { VerifiedSince = since });
            Assert.Equal((1, false, 0), (damaged.ReadPacks, damaged.IsSound, damaged.NeverReadPacks)); // it has been read, and is named as damaged
            Assert.Equal(Path.GetFileName(pack), Assert.Single(damaged.DamagedPacks).Hash.ToString());
        }

        await File.WriteAllBytesAsync(pack, sound, Cancellation);
        Assert.True((await CheckAsync(root, path, time, o => o with { VerifiedSince = since })).IsSound);
        time.Advance(TimeSpan.FromDays(31));
        Assert.Equal(first.Packs, (await CheckAsync(root, path, time, o => o with { VerifiedSince = time.Now - TimeSpan.FromDays(30) })).ReadPacks);
    }

    [Fact]
    public async Task When_the_time_is_up_the_rest_is_left_to_the_next_check()
    {
        var root = await CreateAsync();
        var path = Path.Combine(_copies.Take(), "check");
        var time = new SteppingTime();
        var read = 0;
        for (var run = 0; ; run++)
        {
            // The clock goes on by a minute whenever it is looked at: time for a few packs, however fast the machine is.
            var report = await CheckAsync(root, path, time, o => o with { Deadline = time.Now + TimeSpan.FromMinutes(12) });
            read += report.ReadPacks;
            Assert.True(report.IsSound);
            Assert.InRange(report.ReadPacks, 1, 12);
            Assert.Equal(report.Packs, report.ReadPacks + report.PacksLeft);
            Assert.Equal(Math.Max(0, report.Packs - read), report.NeverReadPacks);
            if (report.NeverReadPacks == 0) break;
            Assert.True(run < report.Packs);
        }
    }

    [Fact]
    public async Task A_check_that_is_stopped_has_verified_what_it_has_verified()
    {
        var root = await CreateAsync();
        var path = Path.Combine(_copies.Take(), "check");
        // Beside the fourth there are those that are looked at or read ahead at that moment.
        var most = 4 + Environment.ProcessorCount + 1;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var time = new SteppingTime();
        await using (var repository = await OpenAsync(new DirectoryStore(root), time))
        {
            var verifications = PackVerifications.Load(path, repository);
            var options = new CheckOptions { ReadData = true, Verifications = verifications };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new RepositoryCheck(repository, options, new Immediate(p =>
            {
                if (p.Stage != "packs" || p.Done < 4) return;
                if (p.Done == 4) stop.Cancel();
                // Whoever is beside the one that stops it goes no further before it is stopped.
                else stop.Token.WaitHandle.WaitOne();
            })).ExecuteAsync(stop.Token));
            Assert.InRange(verifications.Count, 4, most);
            verifications.Save();
        }

        var report = await CheckAsync(root, path, time, o => o with { VerifiedSince = SteppingTime.Start.AddDays(-1) });
        Assert.InRange(report.RecentPacks, 4, most);
        Assert.Equal(report.Packs, report.ReadPacks + report.RecentPacks);
    }

    [Fact]
    public async Task What_is_remembered_is_that_of_the_repository_survives_others_and_a_damaged_file_counts_as_none()
    {
        var (root, other) = (await CreateAsync(), await CreateAsync());
        var path = Path.Combine(_copies.Take(), "check");
        await using var repository = await OpenAsync(new DirectoryStore(root), TimeProvider.System);
        await using var stranger = await OpenAsync(new DirectoryStore(other), TimeProvider.System);
        var packs = Enumerable.Range(0, 3).Select(n => new PackId((ulong)n, new ChunkId([.. Enumerable.Repeat((byte)n, ChunkId.Length)]))).ToArray();
        var (early, late) = (DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));

        var one = PackVerifications.Load(path, repository);
        var two = PackVerifications.Load(path, repository);
        one.Note(packs[0], late);
        one.Note(packs[1], early);
        one.Save();
        two.Note(packs[0], early);
        two.Note(packs[2], early);
        two.Save();
        var both = PackVerifications.Load(path, repository);
        Assert.Equal([late, early, early], packs.Select(both.TimeOf));
        both.Drop(packs[0]);
        both.Keep([packs[1]]);
        both.Save();
        Assert.Equal([null, early, null], packs.Select(PackVerifications.Load(path, repository).TimeOf));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));

        Assert.Equal(0, PackVerifications.Load(path, stranger).Count);
        var content = await File.ReadAllBytesAsync(path, Cancellation);
        for (var at = 0; at < content.Length; at++)
        {
            var damaged = content.ToArray();
            damaged[at] ^= 1;
            await File.WriteAllBytesAsync(path, damaged, Cancellation);
            Assert.Equal(0, PackVerifications.Load(path, repository).Count);
            await File.WriteAllBytesAsync(path, content[..at], Cancellation);
            Assert.Equal(0, PackVerifications.Load(path, repository).Count);
        }
    }

    [Fact]
    public async Task A_pack_that_is_gone_is_damage_only_when_a_snapshot_needs_it_and_finds_it_nowhere_else()
    {
        var (root, twins) = await CreateTwinsAsync();
        var originals = Packs(root);
        foreach (var file in twins) CopyInto(root, file);
        foreach (var pack in originals) File.Delete(pack);

        foreach (var readData in (bool[])[false, true])
        {
            await using var repository = await OpenAsync(new DirectoryStore(root), TimeProvider.System);
            var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = readData }, null).ExecuteAsync(Cancellation);
            Assert.True(report.IsSound);
            var note = Assert.Single(report.Problems);
            Assert.Contains(FormattableString.Invariant($"the index names {originals.Count} pack"), note.Message, StringComparison.Ordinal);
            Assert.Contains("that no snapshot needs", note.Message, StringComparison.Ordinal);
        }

        var needed = Packs(root)[0];
        File.Delete(needed);
        await using var again = await OpenAsync(new DirectoryStore(root), TimeProvider.System);
        var damaged = await new RepositoryCheck(again, new CheckOptions(), null).ExecuteAsync(Cancellation);
        Assert.False(damaged.IsSound);
        Assert.Contains(damaged.Problems, p => p.IsDamage && p.Files.Count > 0);
        Assert.Contains(damaged.Problems, p => p.IsDamage && p.Message.StartsWith("the pack is missing", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("index/delta/", false)]
    [InlineData("data/", false)]
    [InlineData("data/", true)]
    [InlineData("keys/", true)]
    public async Task A_collection_that_moves_everything_while_a_check_runs_is_no_damage(string moment, bool readData)
    {
        var (root, twins) = await CreateTwinsAsync();
        string[] originals = [.. Packs(root), .. Directory.GetFiles(Path.Combine(root, "index"), "*", SearchOption.AllDirectories)];
        var collected = false;
        await using var repository = await OpenAsync(new SharedOnlyStore(root) { BeforeList = Collect }, TimeProvider.System);

        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = readData }, null).ExecuteAsync(Cancellation);

        Assert.True(collected);
        Assert.Empty(report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        // What came meanwhile is read too.
        if (readData) Assert.True(report.ReadPacks >= report.Packs, $"read {report.ReadPacks} of {report.Packs}");

        void Collect(string prefix)
        {
            if (collected || prefix != moment) return;
            collected = true;
            foreach (var file in twins) CopyInto(root, file);
            foreach (var file in originals) File.Delete(file);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_backup_that_completes_while_a_check_reads_the_index_is_no_damage(int listing)
    {
        var root = await CreateAsync();
        var files = SampleTree.Create(SeededRandom.Create(), 48 << 10, 6);
        var listings = 0;
        var store = new SharedOnlyStore(root)
        {
            BeforeList = prefix =>
            {
                if (prefix != "index/delta/" || ++listings != listing) return;
                Task.Run(async () =>
                {
                    await using var other = await OpenAsync(new DirectoryStore(root), TimeProvider.System);
                    await SampleBackup.WriteAsync(other, files);
                }).GetAwaiter().GetResult();
            },
        };
        await using var repository = await OpenAsync(store, TimeProvider.System);

        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);

        Assert.True(listings >= listing);
        Assert.Empty(report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
    }

    [Fact]
    public async Task A_snapshot_that_is_forgotten_and_collected_while_a_check_runs_is_no_damage()
    {
        var root = await CreateAsync();
        var collected = false;
        await using var repository = await OpenAsync(new SharedOnlyStore(root) { BeforeList = Collect }, TimeProvider.System);

        var report = await new RepositoryCheck(repository, new CheckOptions(), null).ExecuteAsync(Cancellation);

        Assert.Empty(report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        Assert.Equal((true, 0), (collected, report.Snapshots));

        void Collect(string prefix)
        {
            if (collected || prefix != "data/") return;
            collected = true;
            foreach (var directory in (string[])["snap", "data", "index"]) Directory.Delete(Path.Combine(root, directory), recursive: true);
        }
    }

    public void Dispose() => _copies.Dispose();

    private static async Task<CheckReport> CheckAsync(string root, string path, SteppingTime time, Func<CheckOptions, CheckOptions> with)
    {
        await using var repository = await OpenAsync(new DirectoryStore(root), time);
        var verifications = PackVerifications.Load(path, repository);
        var report = await new RepositoryCheck(repository, with(new CheckOptions { ReadData = true, Verifications = verifications }), null).ExecuteAsync(Cancellation);
        verifications.Save();
        return report;
    }

    private static Task<ChunkRepository> OpenAsync(IObjectStore store, TimeProvider time) =>
        ChunkRepository.OpenAsync(store, TestRepository.Secret(), new RepositoryOpenOptions { Time = time }, Cancellation);

    private static List<string> Packs(string root) => [.. Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static void CopyInto(string root, (string Name, byte[] Content) file)
    {
        var path = Path.Combine(root, file.Name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!File.Exists(path)) File.WriteAllBytes(path, file.Content);
    }

    /// <summary>A repository with one snapshot in a good number of packs.</summary>
    private async Task<string> CreateAsync(int? packTarget = null)
    {
        var root = _copies.Take();
        var parameters = SampleBackup.Parameters with { PackTarget = packTarget ?? SampleBackup.Parameters.PackTarget };
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), parameters, TimeProvider.System, Cancellation);
        // Files of 64 KiB that do not compress: with packs of 64 KiB, two dozen packs.
        var random = SeededRandom.Create();
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var i = 0; i < 24; i++)
        {
            var content = new byte[64 << 10];
            random.NextBytes(content);
            files[$"file {i}"] = content;
        }

        await SampleBackup.WriteAsync(repository, files);
        return root;
    }

    /// <summary>A repository with one snapshot, and packs and segments that hold the same chunks once more, by another session.</summary>
    private async Task<(string Root, List<(string Name, byte[] Content)> Twins)> CreateTwinsAsync()
    {
        var files = SampleTree.Create(SeededRandom.Create(), 48 << 10, 6);
        var root = _copies.Take();
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation)).DisposeAsync();
        var other = _copies.Take(root);
        foreach (var place in (string[])[root, other])
        {
            await using var repository = await OpenAsync(new DirectoryStore(place), TimeProvider.System);
            await SampleBackup.WriteAsync(repository, files);
        }

        List<(string, byte[])> twins = [];
        foreach (var directory in (string[])["data", "index"])
        {
            foreach (var file in Directory.GetFiles(Path.Combine(other, directory), "*", SearchOption.AllDirectories))
                twins.Add((Path.GetRelativePath(other, file), await File.ReadAllBytesAsync(file, Cancellation)));
        }

        return (root, twins);
    }

    private sealed class Immediate(Action<CheckProgress> report) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) => report(value);
    }

    /// <summary>A clock that goes on by a minute whenever it is looked at.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private long _ticks = Start.UtcTicks;

        public DateTimeOffset Now => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Add(ref _ticks, TimeSpan.TicksPerMinute), TimeSpan.Zero);
    }
}
