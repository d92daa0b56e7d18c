using System.Collections.Concurrent;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.S3;

/// <summary>When an endpoint is asked what it does, and what counts until it has said so.</summary>
public sealed class S3ProbeTests : IDisposable
{
    private static readonly byte[] Body = [1, 2, 3, 4, 5, 6, 7, 8];

    private readonly FakeS3 _server = new();
    private readonly ShiftedTime _time = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-capabilities-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private S3StoreOptions Options(string directory) => new()
    {
        Bucket = "shop",
        Prefix = "a/b",
        Endpoint = _server.Endpoint,
        Credentials = new S3Credentials("someone", "the-secret-of-it"),
        Retry = new RetryOptions { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), GiveUpAfter = TimeSpan.FromMinutes(2) },
        CapabilityDirectory = Path.Combine(_directory, directory),
    };

    private S3Store Open(string directory = "cache") => new(Options(directory), _time, Random.Shared);

    [Fact]
    public async Task What_an_earlier_version_left_out_is_asked_once_and_then_MD5_is_left_out()
    {
        // The name of the file is of the place.
        await using (var store = Open("name")) await store.ProbeAsync(Stop);
        var name = Path.GetFileName(Assert.Single(Directory.GetFiles(Path.Combine(_directory, "name"))));
        // By the version before bodies' hashes were asked about.
        var file = Path.Combine(Directory.CreateDirectory(Path.Combine(_directory, "old")).FullName, name);
        File.WriteAllText(file, """{"probedAt":"2026-01-02T03:04:05+00:00","honoursConditionalPut":true,"refusesCondition":false,"listsAfterPut":true,"readsAfterPut":true,"refusesExpired":true,"keepsVersions":false}""");

        await using (var store = Open("old"))
        {
            Assert.True(store.Capabilities is { HonoursConditionalPut: true, ChecksBodyHash: null });
            await store.PutAsync("x/before", Body, Stop);
            Assert.Contains("/shop/a/b/x/before", _server.PutsWithMd5);
            Assert.True(await store.ProbeIfUnknownAsync(Stop) is { ChecksBodyHash: true });
            await store.PutAsync("x/after", Body, Stop);
            Assert.DoesNotContain("/shop/a/b/x/after", _server.PutsWithMd5);
            await AssertAsksNothingAsync(store);
        }

        // As a later process reads it.
        Directory.CreateDirectory(Path.Combine(_directory, "later"));
        File.Copy(file, Path.Combine(_directory, "later", name));
        await using var later = Open("later");
        await AssertAsksNothingAsync(later);
        await later.PutAsync("x/later", Body, Stop);
        Assert.DoesNotContain("/shop/a/b/x/later", _server.PutsWithMd5);
    }

    [Fact]
    public async Task What_is_known_counts_while_it_is_asked_anew()
    {
        await using var store = Open();
        var known = await store.ProbeAsync(Stop);
        var seen = new ConcurrentBag<S3Capabilities?>();
        _server.FaultOf = _ =>
        {
            seen.Add(store.Capabilities);
            return FakeFault.None;
        };
        _time.By = TimeSpan.FromMinutes(1);
        var anew = await store.ProbeAsync(Stop);
        Assert.NotSame(known, anew);
        Assert.Same(anew, store.Capabilities);
        Assert.True(seen.Count > 20);
        Assert.All(seen, capabilities => Assert.Same(known, capabilities));
    }

    [Fact]
    public async Task A_probe_that_fails_halfway_takes_nothing_away()
    {
        await using var store = Open();
        var known = await store.ProbeAsync(Stop);
        Assert.True(known is { HonoursConditionalPut: true, ChecksBodyHash: true });
        var asked = _server.Requests.Count;
        // After its first put and read.
        _server.FaultOf = request => request.StartsWith("GET /shop", StringComparison.Ordinal) && !request.Contains("/a/b/", StringComparison.Ordinal) ? FakeFault.Answer(403, "AccessDenied") : FakeFault.None;
        await Assert.ThrowsAsync<StoreException>(() => store.ProbeAsync(Stop));
        Assert.Contains(_server.Requests.Skip(asked), request => request.StartsWith("PUT /shop/a/b/probe/", StringComparison.Ordinal));
        Assert.Equal(known, store.Capabilities);
        await using (var other = Open()) Assert.Equal(known, other.Capabilities);
        var before = _server.Requests.Count;
        await store.PutAsync("x/1", Body, Stop);
        Assert.Equal(["PUT /shop/a/b/x/1"], _server.Requests.Skip(before));
        Assert.DoesNotContain("/shop/a/b/x/1", _server.PutsWithMd5);
    }

    [Theory]
    [InlineData("/body", 503, "SlowDown")]
    [InlineData("/body", 0, "")]
    [InlineData("/changed-body", 500, "InternalError")]
    [InlineData("/changed-body", 0, "")]
    public async Task What_a_passing_failure_hid_is_asked_again_after_an_hour_at_the_earliest(string request, int status, string code)
    {
        _server.FaultOf = seen => seen.StartsWith("PUT", StringComparison.Ordinal) && seen.EndsWith(request, StringComparison.Ordinal) ? status == 0 ? FakeFault.ResetBefore : FakeFault.Answer(status, code) : FakeFault.None;
        await using var store = Open();
        Assert.True(await store.ProbeIfUnknownAsync(Stop) is { ChecksBodyHash: null, HonoursConditionalPut: true });
        await AssertAsksNothingAsync(store);
        await store.PutAsync("x/before", Body, Stop);
        Assert.Contains("/shop/a/b/x/before", _server.PutsWithMd5);

        _server.FaultOf = static _ => FakeFault.None;
        _time.By = TimeSpan.FromMinutes(58);
        await AssertAsksNothingAsync(store);
        _time.By = TimeSpan.FromMinutes(62);
        Assert.True(await store.ProbeIfUnknownAsync(Stop) is { ChecksBodyHash: true });
        await store.PutAsync("x/after", Body, Stop);
        Assert.DoesNotContain("/shop/a/b/x/after", _server.PutsWithMd5);
        _time.By = TimeSpan.FromDays(3);
        await AssertAsksNothingAsync(store);
    }

    [Fact]
    public async Task Who_only_wants_to_write_does_not_fail_for_what_cannot_be_asked_and_asks_again_an_hour_later()
    {
        _server.FaultOf = request => request.StartsWith("PUT", StringComparison.Ordinal) && request.EndsWith("/changed-body", StringComparison.Ordinal) ? FakeFault.Answer(500, "InternalError") : FakeFault.None;
        await using var store = Open();
        Assert.True(await store.ProbeIfUnknownAsync(Stop) is { ChecksBodyHash: null });

        _server.FaultOf = request => request.StartsWith("GET", StringComparison.Ordinal) ? FakeFault.Answer(403, "AccessDenied") : FakeFault.None;
        PassUntil(62);
        var before = _server.Requests.Count;
        Assert.Null(await store.ProbeIfUnknownAsync(Stop));
        Assert.True(_server.Requests.Count > before);
        Assert.True(store.Capabilities is { HonoursConditionalPut: true, ChecksBodyHash: null });

        _server.FaultOf = static _ => FakeFault.None;
        PassUntil(100);
        await AssertAsksNothingAsync(store);
        await using (var other = Open()) await AssertAsksNothingAsync(other);
        PassUntil(130);
        Assert.True(await store.ProbeIfUnknownAsync(Stop) is { ChecksBodyHash: true });

        // For both, or the store would go by the difference.
        void PassUntil(int minutes) => _time.By = _server.ClockOffset = TimeSpan.FromMinutes(minutes);
    }

    private async Task AssertAsksNothingAsync(S3Store store)
    {
        var before = _server.Requests.Count;
        Assert.Null(await store.ProbeIfUnknownAsync(Stop));
        Assert.Equal(before, _server.Requests.Count);
    }
}
