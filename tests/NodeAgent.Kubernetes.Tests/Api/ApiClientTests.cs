using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class ApiClientTests
{
    private static readonly ResourceKind Pods = KubernetesResources.Pods;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_object_is_read_with_its_unknown_fields_and_its_metadata()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(TestObjects.Pod("web", 7)));
        using var client = server.Connect();
        var pod = await client.GetAsync(Pods, "shop", "web", Cancellation);
        Assert.Equal(("web", "shop", "7", "u-web"), (pod.Name, pod.Namespace, pod.ResourceVersion, pod.Uid));
        Assert.Equal("web", pod.Labels["app"]);
        Assert.Equal("n1", (string?)pod.Spec!["nodeName"]);
        var request = Assert.Single(server.Requests);
        Assert.Equal("/api/v1/namespaces/shop/pods/web", request.Path);
        Assert.StartsWith("nodeagent/", request.Header("User-Agent"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_is_read_and_written_by_its_source_generated_description()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("""{"metadata":{"name":"b","namespace":"velero"},"spec":{"ttl":"720h0m0s","later":1}}"""));
        using var client = server.Connect();
        var backup = await client.CreateAsync(
            VeleroResources.Backups, "velero", new Backup { Metadata = new ObjectMeta { Name = "b" } }, VeleroJsonContext.Default.Backup, Cancellation);
        Assert.Equal("b", backup.Metadata.Name);
        var request = Assert.Single(server.Requests);
        Assert.Equal(("POST", "/apis/velero.io/v1/namespaces/velero/backups", "?fieldManager=nodeagent"), (request.Method, request.Path, request.Query));
        Assert.Contains("\"kind\":\"Backup\"", request.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("null", request.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_is_read_page_by_page_and_its_items_get_the_type_that_lists_leave_out()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "next page&", """{"metadata":{"name":"a"}}""", """{"metadata":{"name":"b"}}""")),
            TestServer.Json(TestObjects.List(10, "", """{"metadata":{"name":"c"}}""")));
        using var client = server.Connect();
        var names = new List<string>();
        var options = new ListOptions { PageSize = 2, LabelSelector = "app in (a,b)", FieldSelector = "spec.nodeName=n1" };
        await foreach (var pod in client.ListAsync(Pods, "shop", options, Cancellation))
        {
            Assert.Equal(("v1", "Pod"), (pod.ApiVersion, pod.Kind));
            names.Add(pod.Name);
        }

        Assert.Equal(["a", "b", "c"], names);
        Assert.Equal(
            ["?limit=2&labelSelector=app%20in%20%28a%2Cb%29&fieldSelector=spec.nodeName%3Dn1", "?limit=2&continue=next%20page%26&labelSelector=app%20in%20%28a%2Cb%29&fieldSelector=spec.nodeName%3Dn1"],
            server.Requests.Select(r => r.Query));
    }

    [Fact]
    public async Task A_list_whose_snapshot_expires_goes_on_with_the_continuation_that_the_server_offers()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "old", TestObjects.Pod("a", 1))),
            TestServer.Json("""{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"expired","metadata":{"continue":"newest"}}""", 410),
            TestServer.Json(TestObjects.List(99, "", TestObjects.Pod("b", 2))));
        using var client = server.Connect();
        var names = new List<string>();
        await foreach (var pod in client.ListAsync(Pods, "shop", ListOptions.All, Cancellation)) names.Add(pod.Name);
        Assert.Equal(["a", "b"], names);
        Assert.Contains("continue=newest", server.Requests.Last().Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_consistent_list_is_begun_anew_when_it_expires_and_asked_for_in_one_piece_at_last()
    {
        var first = TestServer.Json(TestObjects.List(10, "token", TestObjects.Pod("a", 1)));
        var gone = TestServer.Status(410, "Expired", "expired");
        await using var server = await TestServer.StartAsync(
            first, gone, first, gone, TestServer.Json(TestObjects.List(20, "", TestObjects.Pod("a", 1), TestObjects.Pod("b", 2))));
        using var client = server.Connect();
        var list = await client.ListAllAsync(Pods, null, ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation);
        Assert.Equal(["a", "b"], list.Items.Select(i => i.Name));
        Assert.Equal("20", list.ResourceVersion);
        Assert.Equal("", server.Requests.Last().Query);
    }

    [Fact]
    public async Task An_item_that_does_not_fit_its_type_does_not_spoil_its_neighbours()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(
            """{"metadata":{"resourceVersion":"3"},"items":[{"metadata":{"name":"good"}},{"metadata":{"name":"bad","namespace":"velero"},"spec":{"ttl":[1,2]}},{"metadata":{"name":"fine"}}]}"""));
        using var client = server.Connect();
        var list = await client.ListAllAsync(VeleroResources.Backups, "velero", ListOptions.All, VeleroJsonContext.Default.Backup, Cancellation);
        Assert.Equal(["good", "fine"], list.Items.Select(b => b.Metadata.Name));
        var malformed = Assert.Single(list.Malformed);
        Assert.Equal("velero/bad", malformed.Item.Key.ToString());
        Assert.Equal("spec.ttl: \"\" is not a duration such as 1h30m", malformed.Problem);
    }

    [Fact]
    public async Task An_empty_list_may_be_null()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("""{"metadata":{"resourceVersion":"3"},"items":null}"""));
        using var client = server.Connect();
        var list = await client.ListAllAsync(Pods, null, ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation);
        Assert.Empty(list.Items);
        Assert.Equal("3", list.ResourceVersion);
    }

    [Theory]
    [InlineData(404, "NotFound", nameof(ApiException.IsNotFound))]
    [InlineData(409, "Conflict", nameof(ApiException.IsConflict))]
    [InlineData(409, "AlreadyExists", nameof(ApiException.IsAlreadyExists))]
    [InlineData(410, "Gone", nameof(ApiException.IsGone))]
    [InlineData(422, "Invalid", nameof(ApiException.IsInvalid))]
    [InlineData(403, "Forbidden", nameof(ApiException.IsForbidden))]
    [InlineData(401, "Unauthorized", nameof(ApiException.IsUnauthorized))]
    public async Task An_error_is_told_by_its_kind_and_names_request_and_reason(int code, string reason, string property)
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(
            code, reason, "pods \\\"web\\\" says\\nno", details: """{"name":"web","kind":"pods","causes":[{"field":"spec.x","reason":"FieldValueRequired","message":"Required value"}]}"""));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        string[] kinds = [nameof(error.IsNotFound), nameof(error.IsConflict), nameof(error.IsAlreadyExists), nameof(error.IsGone), nameof(error.IsInvalid), nameof(error.IsForbidden), nameof(error.IsUnauthorized)];
        Assert.Equal([property], kinds.Where(k => (bool)typeof(ApiException).GetProperty(k)!.GetValue(error)!));
        Assert.Equal($"GET api/v1/namespaces/shop/pods/web: {code} {reason}: pods \"web\" says no", error.Message);
        Assert.Equal(("pods", "web"), (error.Kind, error.Name));
        Assert.Equal("spec.x", Assert.Single(error.FieldErrors).Field);
        // A refusal is asked for twice: the first may be that of a server that has become ready since.
        Assert.Equal(code == 403 ? 2 : 1, server.Requests.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_server_that_starts_and_does_not_know_the_roles_yet_is_asked_again(int notReady)
    {
        // Word for word what a server says to everybody while it has no roles, and what it says later to somebody who lacks them.
        var refused = TestServer.Status(403, "Forbidden", "podvolumebackups.velero.io is forbidden: User \\\"velero\\\" cannot list resource");
        var turn = 0;
        await using var server = await TestServer.StartAsync(context => turn++ < Math.Max(notReady, 1) ? refused(context) : TestServer.Json(TestObjects.Pod("web", 7))(context));
        server.NotReady = notReady;
        using var client = server.Connect();
        Assert.Equal("web", (await client.GetAsync(Pods, "shop", "web", Cancellation)).Name);
        Assert.Equal(Math.Max(notReady, 1) + 1, server.Requests.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_server_that_starts_and_does_not_know_custom_resources_yet_is_asked_again(int notReady)
    {
        var turn = 0;
        await using var server = await TestServer.StartAsync(context => turn++ < Math.Max(notReady, 1) ? TestServer.Text("404 page not found\n", 404)(context) : TestServer.Json(TestObjects.Pod("web", 7))(context));
        (server.NotReady, server.NotReadyBody) = (notReady, "[+]ping ok\n[-]poststarthook/crd-informer-synced failed: reason withheld\nreadyz check failed\n");
        using var client = server.Connect();
        Assert.Equal("web", (await client.FindAsync(Pods, "shop", "web", Cancellation))?.Name);
        Assert.Equal(Math.Max(notReady, 1) + 1, server.Requests.Count);
    }

    [Fact]
    public async Task What_a_server_that_starts_does_not_find_is_not_taken_for_deleted()
    {
        await using var server = await TestServer.StartAsync(TestServer.Text("404 page not found\n", 404));
        (server.NotReady, server.NotReadyBody) = (1000, "[-]poststarthook/crd-informer-synced failed: reason withheld\n");
        using var client = server.Connect();
        Func<Task>[] all =
        [
            () => client.FindAsync(Pods, "shop", "web", Cancellation),
            () => client.DeleteAsync(Pods, "shop", "web", new DeleteOptions(), Cancellation),
            () => client.PatchStatusAsync(Pods, "shop", "web", [], null, Cancellation),
        ];
        foreach (var one in all) Assert.True(await Assert.ThrowsAsync<ApiException>(one) is { IsTransient: true, IsNotFound: false });
        // A kind that a server which is ready does not know is none.
        server.NotReady = 0;
        Assert.Null(await client.FindAsync(Pods, "shop", "web", Cancellation));
        Assert.False(await client.DeleteAsync(Pods, "shop", "web", new DeleteOptions(), Cancellation));
    }

    [Fact]
    public async Task An_object_that_is_missing_is_asked_for_once()
    {
        await using var server = await TestServer.StartAsync(TestServer.Missing("pods", "web"));
        using var client = server.Connect();
        Assert.Null(await client.FindAsync(Pods, "shop", "web", Cancellation));
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_refuses_even_to_say_whether_it_is_ready_knows_no_roles_yet_if_it_was_away(bool wasAway)
    {
        var turn = 0;
        await using var server = await TestServer.StartAsync(context =>
        {
            if (turn++ > 0) return turn < 4 ? TestServer.Status(403, "Forbidden", "no")(context) : TestServer.Json(TestObjects.Pod("web", 7))(context);
            if (!wasAway) return TestServer.Missing("pods", "web")(context);
            context.Abort();
            return Task.CompletedTask;
        });
        (server.NotReady, server.NotReadyStatus) = (2, 403);
        using var client = server.Connect(new ApiClientOptions { RetryDelay = TimeSpan.FromMilliseconds(5), MaxRetries = 8 });
        if (wasAway)
        {
            Assert.Equal("web", (await client.GetAsync(Pods, "shop", "web", Cancellation)).Name);
            return;
        }

        Assert.Null(await client.FindAsync(Pods, "shop", "web", Cancellation));
        var refused = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.True(refused is { IsForbidden: true, IsTransient: false });
    }

    [Fact]
    public async Task A_refusal_counts_when_the_server_is_ready_and_may_pass_while_it_starts()
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(403, "Forbidden", "no"));
        using var client = server.Connect();
        server.NotReady = 100;
        var early = await Assert.ThrowsAsync<ApiException>(() => client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation));
        Assert.True(early is { IsForbidden: true, IsTransient: true, IsServerStarting: true });
        Assert.EndsWith(": no (the server is not ready)", early.Message, StringComparison.Ordinal);
        server.NotReady = 0;
        var late = await Assert.ThrowsAsync<ApiException>(() => client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation));
        Assert.True(late is { IsForbidden: true, IsTransient: false, IsServerStarting: false });
    }

    [Fact]
    public async Task An_error_page_of_a_proxy_is_told_on_one_line()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("<html>\n\u001b[31mdenied", 403));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.EndsWith(": 403 Forbidden: <html> \\x1b[31mdenied", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_is_null_when_looked_for_and_false_when_deleted()
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(404, "NotFound", "not found"));
        using var client = server.Connect();
        Assert.Null(await client.FindAsync(Pods, "shop", "web", Cancellation));
        Assert.False(await client.DeleteAsync(Pods, "shop", "web", DeleteOptions.Default, Cancellation));
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_after_the_time_it_names_even_for_a_create()
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(TestServer.Status(429, "TooManyRequests", "busy", retryAfter: 3), TestServer.Json(TestObjects.Pod("web", 1)));
        using var client = server.Connect(new ApiClientOptions { Time = time });
        var create = client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation);
        await Eventually.HoldsAsync(() => server.Requests.Count == 1 && time.IsPending(TimeSpan.FromSeconds(3)), "the wait for the server");
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Single(server.Requests);
        time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal("web", (await create).Name);
        Assert.Equal(2, server.Requests.Count);
        Assert.Equal(server.Requests.First().Body, server.Requests.Last().Body);
    }

    [Fact]
    public async Task A_create_that_came_too_early_is_sent_again_and_another_failure_of_the_server_is_not()
    {
        // What a pod meets whose namespace is so new that its service account has no token yet.
        const string NotYet = "No API token found for service account \\\"default\\\", retry after the token is automatically created and added to the service account";
        await using var server = await TestServer.StartAsync(TestServer.Status(500, "ServerTimeout", NotYet, details: """{"retryAfterSeconds":1}"""), TestServer.Json(TestObjects.Pod("web", 1)), TestServer.Status(500, "InternalError", "broken"));
        using var client = server.Connect();
        Assert.Equal("web", (await client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation)).Name);
        await Assert.ThrowsAsync<ApiException>(() => client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation));
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_asks_for_more_patience_than_there_is_gets_no_second_request()
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(429, "TooManyRequests", "busy", retryAfter: 3600));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.True(error.IsTooManyRequests);
        Assert.Equal(TimeSpan.FromHours(1), error.RetryAfter);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Retries_come_to_an_end()
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(503, "ServiceUnavailable", "down"));
        using var client = server.Connect(new ApiClientOptions { MaxRetries = 3, RetryDelay = TimeSpan.FromMilliseconds(1) });
        var error = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, error.StatusCode);
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task A_read_whose_connection_breaks_is_sent_again()
    {
        await using var server = await TestServer.StartAsync(TestServer.Drop, TestServer.Drop, TestServer.Json(TestObjects.Pod("web", 1)));
        using var client = server.Connect();
        Assert.Equal("web", (await client.GetAsync(Pods, "shop", "web", Cancellation)).Name);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task A_create_whose_answer_got_lost_is_not_sent_again()
    {
        await using var server = await TestServer.StartAsync(TestServer.Drop);
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => client.CreateAsync(Pods, "shop", new KubernetesObject(Pods, "shop", "web"), Cancellation));
        Assert.StartsWith("POST api/v1/namespaces/shop/pods: ", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_json_patch_whose_answer_got_lost_is_not_sent_again()
    {
        await using var server = await TestServer.StartAsync(TestServer.Drop);
        using var client = server.Connect();
        await Assert.ThrowsAsync<HttpRequestException>(() => client.JsonPatchAsync(Pods, "shop", "web", [], null, Cancellation));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        await using var server = await TestServer.StartAsync(TestServer.Drop);
        using var client = server.Connect();
        await server.DisposeAsync();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.Contains(server.Address.Authority, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task A_server_that_never_answers_is_given_up_after_the_limit()
    {
        await using var server = await TestServer.StartAsync(TestServer.WaitForEndAsync);
        using var client = server.Connect(new ApiClientOptions { MaxRetries = 0, RequestTimeout = TimeSpan.FromMilliseconds(50) });
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.Contains("no answer within 0.05 s", error.Message, StringComparison.Ordinal);
        Assert.IsType<TimeoutException>(error.InnerException);
    }

    [Fact]
    public async Task A_cancelled_request_is_cancelled_and_not_a_failure()
    {
        await using var server = await TestServer.StartAsync(TestServer.WaitForEndAsync);
        using var client = server.Connect();
        using var cancel = new CancellationTokenSource();
        var get = client.GetAsync(Pods, "shop", "web", cancel.Token);
        await Eventually.HoldsAsync(() => !server.Requests.IsEmpty, "the request");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get);
    }

    [Theory]
    [InlineData("{\"metadata\":{\"name\"")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    public async Task An_answer_that_is_no_object_says_so(string body)
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(body));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.Equal(HttpRequestError.InvalidResponse, error.HttpRequestError);
        Assert.StartsWith("GET api/v1/namespaces/shop/pods/web: the answer cannot be read", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Each_patch_has_its_media_type()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(TestObjects.Pod("web", 2)));
        using var client = server.Connect();
        await client.PatchAsync(Pods, "shop", "web", new JsonObject { ["a"] = null }, Cancellation);
        await client.JsonPatchAsync(Pods, "shop", "web", [new JsonObject { ["op"] = "test" }], null, Cancellation);
        await client.ApplyAsync(Pods, "shop", "web", new KubernetesObject(Pods, "shop", "web"), "me", force: true, Cancellation);
        await client.PatchStatusAsync(Pods, "shop", "web", new JsonObject { ["phase"] = "New" }, "7", Cancellation);
        Assert.Equal(
            [
                ("application/merge-patch+json", "/api/v1/namespaces/shop/pods/web", "?fieldManager=nodeagent", """{"a":null}"""),
                ("application/json-patch+json", "/api/v1/namespaces/shop/pods/web", "?fieldManager=nodeagent", """[{"op":"test"}]"""),
                ("application/apply-patch+yaml", "/api/v1/namespaces/shop/pods/web", "?fieldManager=me&force=true", """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"}}"""),
                ("application/merge-patch+json", "/api/v1/namespaces/shop/pods/web/status", "?fieldManager=nodeagent", """{"status":{"phase":"New"},"metadata":{"resourceVersion":"7"}}"""),
            ],
            server.Requests.Select(r => (r.Header("Content-Type")!, r.Path, r.Query, r.Body)));
    }

    [Fact]
    public async Task A_status_is_written_to_the_object_where_there_is_no_status_subresource()
    {
        await using var server = await TestServer.StartAsync(context => context.Request.Path.Value!.EndsWith("/status", StringComparison.Ordinal)
            ? TestServer.Status(404, "NotFound", "the server could not find the requested resource")(context)
            : TestServer.Json(TestObjects.Pod("web", 3))(context));
        using var client = server.Connect();
        var pod = await client.PatchStatusAsync(Pods, "shop", "web", new JsonObject { ["phase"] = "New" }, null, Cancellation);
        Assert.Equal("3", pod.ResourceVersion);
        Assert.Equal(server.Requests.First().Body, server.Requests.Last().Body);
    }

    [Fact]
    public async Task Deletions_carry_their_conditions()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = server.Connect();
        var options = new DeleteOptions { Propagation = DeletePropagation.Foreground, GracePeriodSeconds = 0, Uid = "u", ResourceVersion = "5" };
        Assert.True(await client.DeleteAsync(Pods, "shop", "web", options, Cancellation));
        await client.DeleteCollectionAsync(Pods, "shop", new ListOptions { LabelSelector = "a=b" }, DeleteOptions.Default, Cancellation);
        var one = server.Requests.First();
        Assert.Equal("DELETE", one.Method);
        Assert.Equal(
            """{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Foreground","gracePeriodSeconds":0,"preconditions":{"uid":"u","resourceVersion":"5"}}""", one.Body);
        Assert.Equal(("/api/v1/namespaces/shop/pods", "?labelSelector=a%3Db"), (server.Requests.Last().Path, server.Requests.Last().Query));
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/../../kube-system/secrets/b")]
    [InlineData("a/status")]
    [InlineData("..%2Fb")]
    public async Task A_name_that_would_change_the_path_is_refused(string name)
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = server.Connect();
        await Assert.ThrowsAsync<ArgumentException>(() => client.DeleteAsync(Pods, "shop", name, DeleteOptions.Default, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync(Pods, "shop", name, Cancellation));
        // What is only looked for is not there.
        Assert.Null(await client.FindAsync(Pods, "shop", name, Cancellation));
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Names_are_escaped_into_one_step_of_the_path()
    {
        await using var server = await TestServer.StartAsync(context => TestServer.Json($$$"""{"metadata":{"name":"{{{context.Features.Get<IHttpRequestFeature>()!.RawTarget}}}"}}""")(context));
        using var client = server.Connect();
        var answer = await client.GetAsync(Pods, "shop", "b?c#d e", Cancellation);
        Assert.Equal("/api/v1/namespaces/shop/pods/b%3Fc%23d%20e", answer.Name);
    }

    [Fact]
    public async Task The_version_of_the_server_is_read()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("""{"major":"1","minor":"34","gitVersion":"v1.34.1","platform":"linux/amd64"}"""));
        using var client = server.Connect();
        Assert.Equal(new ServerVersion("v1.34.1", "1", "34", "linux/amd64"), await client.GetServerVersionAsync(Cancellation));
    }

    [Fact]
    public async Task A_log_is_streamed()
    {
        await using var server = await TestServer.StartAsync(TestServer.LinesThenSilence("first", "second"));
        using var client = server.Connect();
        await using var log = await client.OpenLogAsync("shop", "web", new LogOptions { Container = "c", Follow = true, TailLines = 2 }, Cancellation);
        using var reader = new StreamReader(log);
        Assert.Equal("first", await reader.ReadLineAsync(Cancellation));
        Assert.Equal("second", await reader.ReadLineAsync(Cancellation));
        Assert.Equal(("/api/v1/namespaces/shop/pods/web/log", "?container=c&follow=true&tailLines=2"), server.Requests.Select(r => (r.Path, r.Query)).Single());
    }
}
