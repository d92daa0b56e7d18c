using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;
using NodeAgent.Stores.S3;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>Backups and restores over a real gateway, through a proxy that spoils some of the requests.</summary>
public sealed class RepositoryUnderFaultsTests : IDisposable
{
    private readonly string _memory = Directory.CreateTempSubdirectory("nodeagent-probed-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(FaultKind.InternalError, 12)]
    [InlineData(FaultKind.SlowDown, 12)]
    [InlineData(FaultKind.ResetBefore, 12)]
    [InlineData(FaultKind.ResetInBody, 3)]
    [InlineData(FaultKind.LostAnswer, 12)]
    [InlineData(FaultKind.LostAnswerBehind500, 12)]
    [InlineData(FaultKind.HalfAnswer, 12)]
    [InlineData(FaultKind.Delay, 12)]
    internal Task Faults_of_one_kind_harm_neither_backup_nor_restore(FaultKind kind, int every) => BackUpAndRestoreAsync(every, isProbed: false, kind);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Faults_of_all_kinds_in_one_of_ten_requests_harm_neither_backup_nor_restore(bool isProbed) => BackUpAndRestoreAsync(
        10, isProbed, FaultKind.InternalError, FaultKind.SlowDown, FaultKind.ResetBefore, FaultKind.ResetInBody, FaultKind.LostAnswer, FaultKind.LostAnswerBehind500, FaultKind.HalfAnswer, FaultKind.Delay);

    public void Dispose() => Directory.Delete(_memory, recursive: true);

    [Fact]
    public async Task Backups_that_see_stale_lists_are_whole()
    {
        var random = SeededRandom.Create();
        var options = await S3Gateway.MakeFolderAsync();
        await using var proxy = new FaultProxy(S3Gateway.Endpoint, new FaultPlan(random, 2, FaultKind.StaleList) { Applies = r => r.IsListing });
        var through = options with { Endpoint = proxy.Endpoint };
        var expected = new Dictionary<SnapshotId, SortedDictionary<string, byte[]>>();
        var files = SampleTree.Create(random, 100 << 10, 10);
        await (await InitializeAsync(through)).DisposeAsync();
        for (var i = 0; i < 4; i++)
        {
            await using var repository = await TestRepository.OpenAsync(new S3Store(through));
            expected.Add(await SampleBackup.WriteAsync(repository, files), files);
            files = SampleTree.Changed(files, random);
        }

        var missed = 0;
        for (var round = 0; round < 2; round++)
        {
            foreach (var (id, content) in expected)
            {
                await using var repository = await TestRepository.OpenAsync(new S3Store(through));
                try
                {
                    SampleTree.AssertSame(content, await SampleBackup.ReadAsync(repository, id));
                }
                catch (RepositoryException exception) when (exception is SnapshotNotFoundException or ChunkNotFoundException)
                {
                    // An old list does not have it, or not the index segment that names what is in it; nothing else may go wrong.
                    missed++;
                }
            }
        }

        Assert.True(proxy.Plan!.Count(FaultKind.StaleList) >= 4, $"{proxy.Plan}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{proxy.Plan}; {missed} snapshots not found");
        await AssertSoundAsync(options, expected);
    }

    [Fact]
    public async Task A_network_that_is_cut_in_the_middle_of_a_pack_and_comes_back_costs_nothing()
    {
        var random = SeededRandom.Create();
        var options = await S3Gateway.MakeFolderAsync();
        await using var proxy = new FaultProxy(S3Gateway.Endpoint);
        var files = SampleTree.Create(random, 400 << 10, 10);
        await using var repository = await InitializeAsync(options with { Endpoint = proxy.Endpoint });
        var cuts = CutPacks(proxy, at: 2);
        var mending = Task.Run(
            async () =>
            {
                while (proxy.RefusedWhileCut < 3) await Task.Delay(20, Cancellation);
                proxy.Mend();
            },
            Cancellation);
        var id = await SampleBackup.WriteAsync(repository, files);
        await mending;
        Assert.Equal(1, cuts());
        await AssertSoundAsync(options, new() { [id] = files });
    }

    [Fact]
    public async Task A_network_that_is_cut_in_the_middle_of_a_pack_for_good_ends_the_backup_in_one_line_and_the_next_one_is_whole()
    {
        var random = SeededRandom.Create();
        var options = await S3Gateway.MakeFolderAsync();
        await using var proxy = new FaultProxy(S3Gateway.Endpoint);
        var through = options with { Endpoint = proxy.Endpoint };
        var impatient = through with { Retry = S3Gateway.QuickRetry with { GiveUpAfter = TimeSpan.FromSeconds(1) } };
        var files = SampleTree.Create(random, 400 << 10, 10);
        var changed = SampleTree.Changed(files, random);
        SnapshotId before;
        await using (var repository = await InitializeAsync(through)) before = await SampleBackup.WriteAsync(repository, files);
        await using (var repository = await TestRepository.OpenAsync(new S3Store(impatient)))
        {
            var cuts = CutPacks(proxy, at: 1);
            var exception = await Assert.ThrowsAsync<StoreException>(() => SampleBackup.WriteAsync(repository, changed));
            Assert.Equal(1, cuts());
            Assert.Equal(StoreFailure.Transient, exception.Failure);
            // What else is on its way may be what gives up first: the other pack, or the index of one that was whole before.
            Assert.Matches("^(writing|looking for) (data|index/delta)/[0-9a-z/-]+ in s3://test-[0-9a-f]+/t-[0-9a-f]+ at http://127.0.0.1:[0-9]+: .*; given up after [0-9]+ attempts in [0-9]+ s( \\(.*\\))?$", exception.Message);
        }

        await AssertSoundAsync(options, new() { [before] = files });
        proxy.Mend();
        await using var again = await TestRepository.OpenAsync(new S3Store(through));
        var id = await SampleBackup.WriteAsync(again, changed);
        await AssertSoundAsync(options, new() { [before] = files, [id] = changed });
    }

    [Fact]
    public async Task A_proxy_that_does_nothing_is_not_noticed()
    {
        await using var proxy = new FaultProxy((await S3Gateway.MakeFolderAsync()).Endpoint);
        var options = await S3Gateway.MakeFolderAsync() with { Endpoint = proxy.Endpoint, Retry = S3Gateway.QuickRetry with { GiveUpAfter = TimeSpan.Zero }, OnTrouble = Assert.Fail };
        await using var store = new S3Store(options);
        var body = new byte[3 << 20];
        SeededRandom.Create().NextBytes(body);
        await Parallel.ForEachAsync(Enumerable.Range(0, 20), Cancellation, async (i, token) =>
        {
            Assert.Equal(PutOutcome.Created, await store.PutAsync($"a/{i}", body, token));
            var read = await store.ReadAllAsync($"a/{i}", body.Length, token);
            Assert.True(body.AsSpan().SequenceEqual(read));
        });
        Assert.InRange(proxy.BytesToClients, 20L * body.Length, 20L * (body.Length + 10_000));
    }

    [Fact]
    public async Task An_object_that_is_too_long_is_refused_before_it_has_come_over_the_network()
    {
        var options = await S3Gateway.MakeFolderAsync();
        await using (var direct = new S3Store(options)) await direct.PutAsync("a/large", new byte[48 << 20], Cancellation);
        await using var proxy = new FaultProxy(S3Gateway.Endpoint);
        await using (var store = new S3Store(options with { Endpoint = proxy.Endpoint }))
        {
            var exception = await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("a/large", 1000, Cancellation));
            Assert.Contains("it has 50331648 bytes, more than the 1000", exception.Message, StringComparison.Ordinal);
        }

        // What fits into the buffers of two sockets may be under way.
        Assert.InRange(proxy.BytesToClients, 0, 24 << 20);
    }

    private async Task BackUpAndRestoreAsync(int every, bool isProbed, params FaultKind[] kinds)
    {
        var random = SeededRandom.Create();
        var options = await S3Gateway.MakeFolderAsync();
        await using var proxy = new FaultProxy(S3Gateway.Endpoint, new FaultPlan(random, every, kinds)
        {
            // Alone it would hardly meet a request with a body.
            Applies = request => kinds is not [FaultKind.ResetInBody] || request.BodyLength > 1,
        });
        var through = options with { Endpoint = proxy.Endpoint };
        if (isProbed) through = await S3Gateway.ProbedAsync(through, _memory);
        var first = SampleTree.Create(random, 48 << 10, 5);
        var second = SampleTree.Changed(first, random);
        SnapshotId one, two;
        await using (var repository = await InitializeAsync(through)) one = await SampleBackup.WriteAsync(repository, first);
        await using (var repository = await TestRepository.OpenAsync(new S3Store(through)))
        {
            two = await SampleBackup.WriteAsync(repository, second);
            SampleTree.AssertSame(first, await SampleBackup.ReadAsync(repository, one));
        }

        Dictionary<SnapshotId, SortedDictionary<string, byte[]>> expected = new() { [one] = first, [two] = second };
        await AssertSoundAsync(through, expected);
        Assert.True(proxy.Plan!.Injected >= 5, $"only {proxy.Plan} in {proxy.Requests} requests");
        TestContext.Current.TestOutputHelper?.WriteLine($"{proxy.Plan} in {proxy.Requests} requests");
        await AssertSoundAsync(options, expected);
    }

    private static async Task AssertSoundAsync(S3StoreOptions options, Dictionary<SnapshotId, SortedDictionary<string, byte[]>> expected)
    {
        await using var repository = await TestRepository.OpenAsync(new S3Store(options));
        Assert.Equal(expected.Keys.ToHashSet(), (await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Select(s => s.Id).ToHashSet());
        foreach (var (id, files) in expected) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.True(report.IsSound, string.Join("; ", report.Problems.Select(p => p.Message)));
    }

    /// <summary>Cuts the network in the middle of one pack. Answers how often it did.</summary>
    private static Func<int> CutPacks(FaultProxy proxy, int at)
    {
        var (packs, cuts) = (0, 0);
        proxy.CutsAt = (request, done) =>
        {
            if (request.Method != "PUT" || !request.Path.Contains("/data/", StringComparison.Ordinal) || done < request.BodyLength / 2) return false;
            return done < request.BodyLength && Interlocked.Increment(ref packs) == at && Interlocked.Increment(ref cuts) == 1;
        };
        return () => Volatile.Read(ref cuts);
    }

    private static Task<ChunkRepository> InitializeAsync(S3StoreOptions options) =>
        ChunkRepository.InitializeAsync(new S3Store(options), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
}
