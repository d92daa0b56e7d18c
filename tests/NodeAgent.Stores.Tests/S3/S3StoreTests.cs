using System.Text.RegularExpressions;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Tests.S3;

/// <summary>What the store makes of a server that fails, lies or refuses. The real thing is in the conformance suite.</summary>
public sealed class S3StoreTests : IDisposable
{
    private static readonly byte[] Body = [1, 2, 3, 4, 5, 6, 7, 8];

    private readonly FakeS3 _server = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _server.Dispose();

    private S3StoreOptions Options(TimeSpan? giveUpAfter = null) => new()
    {
        Bucket = "shop",
        Prefix = "a/b",
        Endpoint = _server.Endpoint,
        Credentials = new S3Credentials("someone", "the-secret-of-it"),
        Retry = new RetryOptions { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), GiveUpAfter = giveUpAfter ?? TimeSpan.FromMinutes(2) },
    };

    private S3Store Open() => new(Options());

    public static TheoryData<int, string> PassingRefusals { get; } = new()
    {
        { 500, "InternalError" },
        { 502, "" },
        { 503, "SlowDown" },
        { 503, "" },
        { 504, "" },
        { 429, "TooManyRequests" },
        { 400, "RequestTimeout" },
        { 400, "BadDigest" },
        { 400, "" },
        { 409, "ConditionalRequestConflict" },
    };

    [Theory]
    [MemberData(nameof(PassingRefusals))]
    public async Task Passing_refusals_are_met_by_trying_again(int status, string code)
    {
        await using var store = Open();
        var fault = FakeFault.Answer(status, code);
        _server.Next(fault, FakeFault.None, FakeFault.None, fault, fault);
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        _server.Next(fault);
        Assert.Equal(Body, await store.ReadAllAsync("x/1", 100, Stop));
        _server.Next(fault);
        Assert.Equal(["x/1"], await KeysAsync(store));
        _server.Next(fault);
        Assert.Equal(8, (await store.StatAsync("x/1", Stop))!.Value.Length);
        _server.Next(fault);
        Assert.True(await store.DeleteAsync("x/1", Stop));
        Assert.Empty(_server.Objects);
    }

    [Fact]
    public async Task Connections_that_break_at_any_point_are_made_again()
    {
        await using var store = Open();
        _server.Next(FakeFault.ResetBefore, FakeFault.None, FakeFault.None, FakeFault.ResetBefore, FakeFault.ResetAfter);
        // The attempt before the last was carried out, so the last one finds the object: it is this writer's own.
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("x/1", Body, Stop));
        _server.Next(FakeFault.HalfAnswer, FakeFault.ResetBefore);
        Assert.Equal(Body, await store.ReadAllAsync("x/1", 100, Stop));
        _server.Next(FakeFault.HalfAnswer, FakeFault.HalfAnswer);
        Assert.Equal(Body[2..5], await ReadAsync(store, "x/1", 2, 3));
        _server.Next(FakeFault.HalfAnswer);
        Assert.Equal(["x/1"], await KeysAsync(store));
        _server.Next(FakeFault.None, FakeFault.ResetAfter);
        Assert.True(await store.DeleteAsync("x/1", Stop));
        Assert.False(await store.DeleteAsync("x/1", Stop));
    }

    [Fact]
    public async Task Of_two_writers_one_whose_answer_was_lost_is_told_that_the_other_was_first()
    {
        await using var store = Open();
        Assert.Null(await store.StatAsync("x/1", Stop));
        // The look finds nothing; then the request is lost and meanwhile another one has written.
        _server.Next(FakeFault.None, FakeFault.ResetBefore);
        var put = store.PutAsync("x/1", Body, Stop);
        _server.Objects["a/b/x/1"] = [9];
        Assert.Equal(PutOutcome.AlreadyExists, await put);
        Assert.Equal([9], _server.Objects["a/b/x/1"]);
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_given_up_after_the_idle_time_and_asked_again()
    {
        var options = Options();
        await using var store = new S3Store(options with { Retry = options.Retry with { IdleTimeout = TimeSpan.FromMilliseconds(300) } });
        _server.Objects["a/b/x/1"] = Body;
        _server.Next(FakeFault.Silence);
        Assert.Equal(Body, await store.ReadAllAsync("x/1", 100, Stop));
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task An_outage_ends_with_one_line_that_says_how_long_was_tried()
    {
        await using var store = new S3Store(Options(TimeSpan.FromMilliseconds(20)));
        _server.Next([.. Enumerable.Repeat(FakeFault.Answer(503, "SlowDown"), 500)]);
        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("x/1", 100, Stop));
        Assert.Equal(StoreFailure.Transient, error.Failure);
        Assert.Contains("reading x/1 in s3://shop/a/b", error.Message, StringComparison.Ordinal);
        Assert.Contains("overloaded (503 SlowDown); given up after", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "AccessDenied", StoreFailure.PermissionDenied, "s3:PutObject")]
    [InlineData(403, "SignatureDoesNotMatch", StoreFailure.PermissionDenied, "check the secret key")]
    [InlineData(403, "InvalidAccessKeyId", StoreFailure.PermissionDenied, "does not know the access key")]
    [InlineData(400, "ExpiredToken", StoreFailure.PermissionDenied, "temporary credentials")]
    [InlineData(404, "NoSuchBucket", StoreFailure.Other, "bucket shop does not exist")]
    [InlineData(400, "AuthorizationHeaderMalformed", StoreFailure.Other, "another region")]
    [InlineData(400, "InvalidStorageClass", StoreFailure.Other, "storage class")]
    [InlineData(403, "QuotaExceeded", StoreFailure.DiskFull, "quota")]
    [InlineData(507, "XMinioStorageFull", StoreFailure.DiskFull, "space")]
    [InlineData(400, "InvalidRequest", StoreFailure.Other, "400 InvalidRequest: told to")]
    public async Task Refusals_for_good_are_told_at_once_with_what_to_check(int status, string code, StoreFailure failure, string says)
    {
        await using var store = Open();
        _server.Next(FakeFault.None, FakeFault.None, FakeFault.Answer(status, code));
        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(failure, error.Failure);
        Assert.StartsWith("writing x/1 in s3://shop/a/b at http://127.0.0.1", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(3, _server.Requests.Count);
        // The same said to HEAD, which has no body: the reason is asked for. But once the bucket was seen, 404 is about the object.
        if (status == 404) return;
        _server.Next(FakeFault.Answer(status, code), FakeFault.Answer(status, code));
        var looking = await Assert.ThrowsAsync<StoreException>(async () => await store.StatAsync("x/1", Stop));
        Assert.Contains(says, looking.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_message_holds_a_key_or_a_signed_address()
    {
        await using var store = Open();
        var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(1), Stop);
        _server.RefusesWrites = (400, "Strange", "you asked for /shop/x?X-Amz-Signature=abc and X-Amz-Credential=someone");
        foreach (var write in new Func<ValueTask<PutOutcome>>[] { () => store.PutAsync("x/1", Body, Stop), () => fence.PutAsync("x/1", Body, Stop) })
        {
            var error = await Assert.ThrowsAsync<StoreException>(async () => await write());
            Assert.Contains("400 Strange", error.Message, StringComparison.Ordinal);
            foreach (var secret in (string[])["someone", "the-secret-of-it", "X-Amz-Signature"])
            {
                Assert.DoesNotContain(secret, error.Message, StringComparison.Ordinal);
                Assert.DoesNotContain(secret, Options().ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task A_missing_bucket_is_told_from_a_missing_object()
    {
        await using var store = Open();
        Assert.Null(await store.StatAsync("x/1", Stop));
        _server.BucketExists = false;
        await using var other = Open();
        Assert.Contains("bucket shop does not exist", (await Assert.ThrowsAsync<StoreException>(async () => await other.StatAsync("x/1", Stop))).Message, StringComparison.Ordinal);
        Assert.Contains("bucket shop does not exist", (await Assert.ThrowsAsync<StoreException>(async () => await KeysAsync(other))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-7)]
    [InlineData(5)]
    public async Task A_clock_that_is_off_by_hours_does_not_matter(int hours)
    {
        _server.ClockOffset = TimeSpan.FromHours(hours);
        await using var store = Open();
        Assert.Null(await store.StatAsync("x/1", Stop));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(Body, await store.ReadAllAsync("x/1", 100, Stop));
        Assert.InRange(await store.GetTimeAsync(Stop) - DateTimeOffset.UtcNow, TimeSpan.FromHours(hours) - TimeSpan.FromMinutes(5), TimeSpan.FromHours(hours) + TimeSpan.FromMinutes(5));
        var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(10), Stop);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("x/2", Body, Stop));
        _server.ClockOffset += TimeSpan.FromMinutes(11);
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.PutAsync("x/3", Body, Stop));
    }

    [Fact]
    public async Task A_fence_that_is_too_old_is_told_from_other_refusals_and_leaves_nothing()
    {
        await using var store = Open();
        var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(1), Stop);
        _server.RefusesWrites = (403, "AccessDenied", "Access Denied");
        Assert.Contains("s3:PutObject", (await Assert.ThrowsAsync<StoreException>(async () => await fence.PutAsync("x/1", Body, Stop))).Message, StringComparison.Ordinal);
        _server.RefusesWrites = null;
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("x/1", Body, Stop));
        _server.ClockOffset = TimeSpan.FromMinutes(2);
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.PutAsync("x/2", Body, Stop));
        await Assert.ThrowsAsync<FenceExpiredException>(async () => await fence.DeleteAsync("x/1", Stop));
        Assert.Equal(["a/b/x/1"], _server.Objects.Keys);
    }

    [Fact]
    public async Task A_fenced_put_whose_answer_was_lost_before_the_fence_ran_out_is_known_to_be_there()
    {
        await using var store = Open();
        var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(1), Stop);
        Assert.Null(await store.StatAsync("x/1", Stop));
        // The look, the put that is carried out and not answered; before the next attempt the time is over.
        _server.Next(FakeFault.None, FakeFault.ResetAfter, FakeFault.Expired);
        Assert.Equal(PutOutcome.Created, await fence.PutAsync("x/1", Body, Stop));
        Assert.Equal(["a/b/x/1"], _server.Objects.Keys);
    }

    [Fact]
    public async Task Exclusive_fences_are_refused_as_not_supported()
    {
        await using var store = Open();
        Assert.False(store.HasExclusiveFences);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await store.OpenFenceAsync(FenceMode.Exclusive, TimeSpan.FromMinutes(1), Stop));
    }

    [Fact]
    public async Task A_server_that_ignores_the_condition_is_found_out_and_objects_stay_what_they_are()
    {
        _server.IgnoresConditions = true;
        await using var store = Open();
        _server.Objects["a/b/x/1"] = [9];
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("x/1", Body, Stop));
        var found = await store.ProbeAsync(Stop);
        Assert.False(found.HonoursConditionalPut);
        Assert.Contains(found.Warnings, warning => warning.Contains("If-None-Match", StringComparison.Ordinal));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal([9], Assert.Single(_server.Objects).Value);
    }

    [Theory]
    [InlineData(412)]
    [InlineData(304)]
    public async Task A_server_that_heeds_the_condition_needs_no_look_before_each_put(int status)
    {
        _server.ConditionStatus = status;
        await using var store = Open();
        var found = await store.ProbeAsync(Stop);
        Assert.True(found is { HonoursConditionalPut: true, ReadsAfterPut: true, ListsAfterPut: true, RefusesExpired: true, KeepsVersions: false });
        Assert.Empty(found.Warnings);
        Assert.Empty(_server.Objects);
        var before = _server.Requests.Count;
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("x/1", new byte[3], Stop));
        Assert.Equal(before + 2, _server.Requests.Count);
        Assert.Equal(Body, Assert.Single(_server.Objects).Value);
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_condition_is_used_without_it()
    {
        _server.RefusesConditions = true;
        await using var store = Open();
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(PutOutcome.AlreadyExists, await store.PutAsync("x/1", new byte[3], Stop));
        Assert.True((await store.ProbeAsync(Stop)) is { HonoursConditionalPut: false, RefusesCondition: true, ReadsAfterPut: true });
        Assert.Equal(Body, Assert.Single(_server.Objects).Value);
    }

    [Fact]
    public async Task A_server_that_takes_expired_requests_is_found_out()
    {
        _server.ChecksExpiry = false;
        await using var store = Open();
        var found = await store.ProbeAsync(Stop);
        Assert.False(found.RefusesExpired);
        Assert.Contains(found.Warnings, warning => warning.Contains("run out", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_checks_the_signed_hash_of_a_body_is_sent_no_other()
    {
        await using var store = Open();
        await store.PutAsync("x/unknown", Body, Stop);
        Assert.Equal(["/shop/a/b/x/unknown"], _server.PutsWithMd5);
        Assert.True((await store.ProbeAsync(Stop)).ChecksBodyHash is true);
        await store.PutAsync("x/known", Body, Stop);
        Assert.DoesNotContain("/shop/a/b/x/known", _server.PutsWithMd5);
        await using var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        await fence.PutAsync("x/fenced", Body, Stop);
        // Its signature stands in the address, without a hash of the body.
        Assert.Contains("/shop/a/b/x/fenced", _server.PutsWithMd5);
        Assert.Equal(3, _server.Objects.Count);
    }

    [Theory]
    [InlineData(false, false, "")]
    [InlineData(true, true, "")]
    [InlineData(true, false, "GOVERNANCE")]
    public async Task A_server_that_does_not_check_it_or_wants_MD5_and_objects_that_are_locked_get_MD5(bool checksHash, bool demandsMd5, string lockMode)
    {
        (_server.ChecksBodyHash, _server.DemandsMd5) = (checksHash, demandsMd5);
        await using var store = new S3Store(Options() with { ObjectLockMode = lockMode, ObjectLockDays = lockMode.Length > 0 ? 1 : 0 });
        Assert.Equal(checksHash && !demandsMd5, (await store.ProbeAsync(Stop)).ChecksBodyHash);
        await store.PutAsync("x/1", Body, Stop);
        Assert.Contains("/shop/a/b/x/1", _server.PutsWithMd5);
        Assert.Equal(Body, _server.Objects["a/b/x/1"]);
    }

    [Fact]
    public async Task A_bucket_that_demands_MD5_since_it_was_looked_at_gets_it_from_then_on()
    {
        await using var store = Open();
        await store.ProbeAsync(Stop);
        _server.DemandsMd5 = true;
        var before = _server.Requests.Count;
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/2", Body, Stop));
        Assert.Equal(["PUT /shop/a/b/x/1", "PUT /shop/a/b/x/1", "PUT /shop/a/b/x/2"], _server.Requests.Skip(before));
    }

    [Fact]
    public async Task A_body_that_is_damaged_on_its_way_is_sent_again()
    {
        await using var store = Open();
        await store.ProbeAsync(Stop);
        _server.Next(FakeFault.Answer(400, "XAmzContentSHA256Mismatch"));
        var before = _server.Requests.Count;
        Assert.Equal(PutOutcome.Created, await store.PutAsync("x/1", Body, Stop));
        Assert.Equal(["PUT /shop/a/b/x/1", "PUT /shop/a/b/x/1"], _server.Requests.Skip(before));
        Assert.DoesNotContain("/shop/a/b/x/1", _server.PutsWithMd5);
        Assert.Equal(Body, _server.Objects["a/b/x/1"]);
    }

    [Theory]
    [InlineData(500, "InternalError", null)]
    [InlineData(400, "RequestTimeout", null)]
    [InlineData(400, "", null)]
    [InlineData(409, "OperationAborted", null)]
    [InlineData(422, "Unprocessable", false)]
    [InlineData(0, "", null)]
    public async Task Only_a_refusal_for_the_hash_shows_that_it_is_checked_and_any_other_answer_to_it_does_not_end_the_probe(int status, string code, bool? checks)
    {
        _server.ChecksBodyHash = false;
        _server.FaultOf = request => !(request.StartsWith("PUT", StringComparison.Ordinal) && request.EndsWith("/changed-body", StringComparison.Ordinal)) ? FakeFault.None : status == 0 ? FakeFault.ResetBefore : FakeFault.Answer(status, code);
        await using var store = Open();
        var found = await store.ProbeAsync(Stop);
        Assert.True(found is { HonoursConditionalPut: true, RefusesExpired: true });
        Assert.Equal(checks, found.ChecksBodyHash);
        Assert.Single(_server.Requests, request => request.StartsWith("PUT", StringComparison.Ordinal) && request.EndsWith("/changed-body", StringComparison.Ordinal));
        await store.PutAsync("x/1", Body, Stop);
        Assert.Contains("/shop/a/b/x/1", _server.PutsWithMd5);
    }

    [Fact]
    public async Task What_was_found_is_remembered_for_the_same_place_and_no_other()
    {
        var directory = Directory.CreateTempSubdirectory("nodeagent-capabilities-");
        try
        {
            var options = Options() with { CapabilityDirectory = Path.Combine(directory.FullName, "cache") };
            await using (var store = new S3Store(options))
            {
                Assert.Null(store.Capabilities);
                await store.ProbeAsync(Stop);
            }

            await using var same = new S3Store(options with { Endpoint = options.Endpoint + "/" });
            Assert.True(same.Capabilities!.HonoursConditionalPut);
            await using var other = new S3Store(options with { Prefix = "a/c" });
            Assert.Null(other.Capabilities);
            // As another process finds it: elsewhere under the same name, first whole, then damaged.
            var file = Assert.Single(Directory.GetFiles(options.CapabilityDirectory));
            var copy = Directory.CreateDirectory(Path.Combine(directory.FullName, "copy")).FullName;
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            await using var later = new S3Store(options with { CapabilityDirectory = copy });
            Assert.Equal(same.Capabilities, later.Capabilities);
            File.WriteAllText(Path.Combine(copy, Path.GetFileName(file)), "{ no json");
            await using var damaged = new S3Store(options with { CapabilityDirectory = copy });
            Assert.Null(damaged.Capabilities);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Where_nothing_can_be_written_the_process_remembers()
    {
        var options = Options() with { CapabilityDirectory = "/proc/no-place-for-it" };
        await using (var store = new S3Store(options)) await store.ProbeAsync(Stop);
        await using var later = new S3Store(options);
        Assert.True(later.Capabilities!.HonoursConditionalPut);
        var inMemory = options with { CapabilityDirectory = "" };
        await using (var store = new S3Store(inMemory))
        {
            Assert.Null(store.Capabilities);
            await store.ProbeAsync(Stop);
        }

        await using var again = new S3Store(inMemory);
        Assert.NotNull(again.Capabilities);
    }

    [Fact]
    public async Task A_server_without_ranges_is_read_all_the_same()
    {
        await using var store = Open();
        _server.IgnoresRanges = true;
        _server.Objects["a/b/x/1"] = Body;
        Assert.Equal(Body[2..5], await ReadAsync(store, "x/1", 2, 3));
        Assert.Contains("ends before byte 9", (await Assert.ThrowsAsync<StoreException>(async () => await ReadAsync(store, "x/1", 6, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Small_bodies_are_sent_at_once_and_large_ones_when_the_server_wants_them()
    {
        await using var store = Open();
        var fence = await store.OpenFenceAsync(FenceMode.Shared, TimeSpan.FromMinutes(5), Stop);
        foreach (var length in new[] { 1, 1024, 70_000 })
        {
            await store.PutAsync($"x/{length}", new byte[length], Stop);
            await fence.PutAsync($"y/{length}", new byte[length], Stop);
        }

        Assert.Equal(["x/70000", "y/70000"], _server.ExpectedContinue.Select(path => path["/shop/a/b/".Length..]));
    }

    [Fact]
    public async Task Ranges_beyond_the_end_and_objects_that_are_too_long_are_refused_at_once()
    {
        await using var store = Open();
        _server.Objects["a/b/x/1"] = Body;
        foreach (var (offset, length) in new[] { (6, 3), (8, 1), (100, 1) })
            Assert.Contains($"ends before byte {offset + length}", (await Assert.ThrowsAsync<StoreException>(async () => await ReadAsync(store, "x/1", offset, length))).Message, StringComparison.Ordinal);
        Assert.Contains("8 bytes, more than the 7", (await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("x/1", 7, Stop))).Message, StringComparison.Ordinal);
        Assert.Equal(4, _server.Requests.Count);
        Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAllAsync("x/2", 7, Stop))).Failure);
    }

    [Fact]
    public async Task Listings_go_over_all_pages_stay_below_the_prefix_and_pass_over_strange_names()
    {
        await using var store = Open();
        _server.PageSize = 3;
        foreach (var key in (string[])["a/b/x/1", "a/b/x/2", "a/b/x/3", "a/b/x/4", "a/b/x/5", "a/b/y/1", "a/b/x/a b", "a/b/x/<&>", "a/b/x//z", "a/bc", "other"]) _server.Objects[key] = Body;
        Assert.Equal(["x/1", "x/2", "x/3", "x/4", "x/5"], await KeysAsync(store, "x/"));
        Assert.Equal(6, (await KeysAsync(store)).Count);
    }

    [Theory]
    [InlineData("no token")]
    [InlineData("the same token again")]
    [InlineData("no word on its end")]
    [InlineData("no times")]
    [InlineData("names of elsewhere")]
    [InlineData("a page for people")]
    [InlineData("nothing")]
    public async Task A_listing_that_may_lack_something_is_never_taken_for_all(string fault)
    {
        await using var store = new S3Store(Options(TimeSpan.FromMilliseconds(20)));
        _server.PageSize = 2;
        for (var i = 0; i < 6; i++) _server.Objects[$"a/b/snap/{i}"] = Body;
        Assert.Equal(6, (await KeysAsync(store, "snap/")).Count);
        string? first = null;
        _server.EditListing = text => fault switch
        {
            "no token" => Regex.Replace(text, "<NextContinuationToken>.*</NextContinuationToken>", ""),
            "the same token again" => first is null ? first = text : Regex.Replace(text, "<NextContinuationToken>.*</NextContinuationToken>", Regex.Match(first, "<NextContinuationToken>.*</NextContinuationToken>").Value),
            "no word on its end" => Regex.Replace(text, "<IsTruncated>.*</IsTruncated>", ""),
            "no times" => Regex.Replace(text, "<LastModified>[^<]*</LastModified>", ""),
            "names of elsewhere" => text.Replace("a/b/snap", "a%2Fb%2Fsnap", StringComparison.Ordinal),
            "a page for people" => "<html><head><title>Log in</title></head><body>Log in</body></html>",
            _ => "",
        };
        var error = await Assert.ThrowsAsync<StoreException>(() => KeysAsync(store, "snap/"));
        Assert.Contains("listing snap/ in s3://shop/a/b", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_cancelled_is_not_tried_again()
    {
        await using var store = Open();
        using var given = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        _server.Next(FakeFault.Silence);
        var reading = store.ReadAllAsync("x/1", 100, given.Token).AsTask();
        while (_server.Requests.Count == 0) await Task.Delay(5, Stop);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Single(_server.Requests);
    }

    private static async Task<byte[]> ReadAsync(S3Store store, string key, long offset, int length)
    {
        var content = new byte[length];
        await store.ReadAsync(key, offset, content, Stop);
        return content;
    }

    private static async Task<List<string>> KeysAsync(S3Store store, string prefix = "")
    {
        var keys = new List<string>();
        await foreach (var entry in store.ListAsync(prefix, Stop)) keys.Add(entry.Key);
        return [.. keys.Order(StringComparer.Ordinal)];
    }
}
