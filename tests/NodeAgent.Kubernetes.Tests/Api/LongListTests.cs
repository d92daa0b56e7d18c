using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Tests.Api;

/// <summary>What is in memory of a list is bounded, whoever made the objects.</summary>
public sealed class LongListTests
{
    private static readonly ResourceKind ConfigMaps = KubernetesResources.ConfigMaps;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pages_of_large_objects_are_asked_for_with_fewer_and_nothing_is_lost()
    {
        const int large = 100_000;
        // Small ones come first, so that the size of what follows cannot be known.
        var sizes = Enumerable.Repeat(10, 600).Concat(Enumerable.Repeat(large, 60)).Concat(Enumerable.Repeat(10, 40)).ToArray();
        await using var server = await TestServer.StartAsync(Serve(sizes));
        using var client = server.Connect();
        var options = new ListOptions { PageBytes = 10 * large };
        var names = new List<string>();
        await foreach (var page in client.ListPagesAsync(ConfigMaps, "shop", options, KubernetesJsonContext.Default.KubernetesObject, Cancellation))
        {
            var bytes = page.Items.Sum(i => Encoding.UTF8.GetByteCount(i.Json.ToJsonString()));
            Assert.True(bytes <= options.PageBytes * 1.1, $"a page has {bytes} bytes");
            names.AddRange(page.Items.Select(i => i.Name));
        }

        Assert.Equal(Enumerable.Range(0, sizes.Length).Select(Name), names);
        var limits = server.Requests.Select(r => int.Parse(QueryHelpers.ParseQuery(r.Query)["limit"].ToString(), CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(500, limits[0]);
        Assert.InRange(limits.Min(), 1, 10);
        // Where the objects are small again, so many are not one by one.
        Assert.InRange(limits.Count, 3, 40);
    }

    [Fact]
    public async Task An_object_that_is_longer_than_a_page_may_be_comes_alone()
    {
        await using var server = await TestServer.StartAsync(Serve(10, 50_000, 10));
        using var client = server.Connect();
        var names = await client.ListAsync(ConfigMaps, "shop", new ListOptions { PageBytes = 1000 }, Cancellation).Select(i => i.Name).ToListAsync(Cancellation);
        Assert.Equal([Name(0), Name(1), Name(2)], names);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    public async Task A_page_is_read_whichever_way_its_bytes_arrive(int piece)
    {
        var text = Encoding.UTF8.GetBytes($$"""
             { "kind":"List", "extra":{"items":[1,{"metadata":2}]}, "items" : [ {"metadata":{"name":"ü"},"data":{"a":"\"]}"} } , {"metadata":{"name":"b"} } ],
              "metadata":{"resourceVersion":"5","remainingItemCount":3,"other":[{}],"continue":""} }
            """ + "\n");
        await using var server = await TestServer.StartAsync(async context =>
        {
            for (var at = 0; at < text.Length; at += piece)
            {
                await context.Response.Body.WriteAsync(text.AsMemory(at, Math.Min(piece, text.Length - at)));
                await context.Response.Body.FlushAsync();
            }
        });
        using var client = server.Connect();
        var page = await client.ListPagesAsync(ConfigMaps, "shop", ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation).SingleAsync(Cancellation);
        Assert.Equal(["ü", "b"], page.Items.Select(i => i.Name));
        Assert.Equal("\"]}", page.Items[0].Json["data"]!["a"]!.ToString());
        Assert.Equal(("5", 3), (page.ResourceVersion, page.Remaining));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"items\":[{\"metadata\":{\"name\":\"a\"}}")]
    [InlineData("{\"items\":{}}")]
    [InlineData("{\"items\":[]} x")]
    public async Task What_is_no_whole_list_is_an_error_and_not_a_short_list(string text)
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(text));
        using var client = server.Connect();
        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.ListAllAsync(ConfigMaps, "shop", ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation));
        Assert.Contains("the answer cannot be read", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_that_breaks_off_is_asked_for_again()
    {
        var list = TestObjects.List(10, "", TestObjects.Pod("a", 1), TestObjects.Pod("b", 2));
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                context.Response.ContentLength = list.Length;
                await context.Response.WriteAsync(list[..^10]);
                await context.Response.Body.FlushAsync();
                context.Abort();
            },
            TestServer.Json(list));
        using var client = server.Connect();
        var all = await client.ListAllAsync(KubernetesResources.Pods, "shop", ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation);
        Assert.Equal(["a", "b"], all.Items.Select(i => i.Name));
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task What_the_server_remembers_is_asked_for_in_one_piece_and_metadata_gets_the_type_of_its_object()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(
            """{"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"3"},"items":[{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a"}}]}"""));
        using var client = server.Connect();
        var item = await client.ListAsync(KubernetesResources.Pods, null, new ListOptions { FromCache = true, MetadataOnly = true }, Cancellation).SingleAsync(Cancellation);
        Assert.Equal(("v1", "Pod", "a"), (item.ApiVersion, item.Kind, item.Name));
        var request = Assert.Single(server.Requests);
        Assert.Equal("?resourceVersion=0", request.Query);
        Assert.StartsWith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", request.Headers["Accept"], StringComparison.Ordinal);
    }

    private static string Name(int i) => $"object-{i:0000}";

    /// <summary>A server that keeps to the limit, with objects of these sizes.</summary>
    private static Func<HttpContext, Task> Serve(params int[] sizes) => async context =>
    {
        var from = int.TryParse(context.Request.Query["continue"], CultureInfo.InvariantCulture, out var given) ? given : 0;
        var limit = int.Parse(context.Request.Query["limit"].ToString(), CultureInfo.InvariantCulture);
        var to = Math.Min(from + limit, sizes.Length);
        await using var writer = new Utf8JsonWriter(context.Response.Body);
        writer.WriteStartObject();
        writer.WriteStartObject("metadata");
        writer.WriteString("resourceVersion", "7");
        if (to < sizes.Length) writer.WriteString("continue", to.ToString(CultureInfo.InvariantCulture));
        writer.WriteEndObject();
        writer.WriteStartArray("items");
        for (var i = from; i < to; i++)
        {
            writer.WriteStartObject();
            writer.WriteStartObject("metadata");
            writer.WriteString("name", Name(i));
            writer.WriteEndObject();
            writer.WriteStartObject("data");
            writer.WriteString("text", new string('x', sizes[i]));
            writer.WriteEndObject();
            writer.WriteEndObject();
            await writer.FlushAsync(context.RequestAborted);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    };
}
