using System.Net;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests.Schemas;

public sealed class CustomResourceSchemaTests
{
    private const string Path = "/apis/example.com/v1/namespaces/default/widgets";

    private const string Definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: widgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {plural: widgets, kind: Widget, shortNames: [wd]}
          versions:
          - name: v1
            served: true
            storage: true
            subresources: {status: {}}
            additionalPrinterColumns:
            - {name: Size, type: integer, jsonPath: .spec.size}
            - {name: Made, type: date, jsonPath: .status.made}
            - {name: Hidden, type: string, jsonPath: .spec.name, priority: 10}
            schema:
              openAPIV3Schema:
                type: object
                required: [spec]
                properties:
                  spec:
                    type: object
                    required: [name]
                    properties:
                      name: {type: string, pattern: "^[a-z]+$", maxLength: 5}
                      size: {type: integer, minimum: 1, maximum: 9, default: 3}
                      mode: {type: string, enum: [Fast, Slow]}
                      port: {x-kubernetes-int-or-string: true}
                      when: {type: string, format: date-time}
                      open: {type: object, x-kubernetes-preserve-unknown-fields: true}
                      tags: {type: object, additionalProperties: {type: string}}
                      parts:
                        type: array
                        x-kubernetes-list-type: map
                        x-kubernetes-list-map-keys: [id]
                        items: {type: object, required: [id], properties: {id: {type: string}, count: {type: integer, default: 1}}}
                  status: {type: object, properties: {made: {type: string}, phase: {type: string}}}
        """;

    [Fact]
    public async Task Unknown_fields_are_dropped_open_ones_kept_and_defaults_filled_in()
    {
        await using var cluster = await StartAsync();
        var created = await cluster.CreateAsync(Path, Widget("""{"name":"a","junk":1,"open":{"x":{"y":1}},"tags":{"any":"t"},"parts":[{"id":"p","junk":2}]}"""));
        Assert.Equal("""{"name":"a","open":{"x":{"y":1}},"tags":{"any":"t"},"parts":[{"id":"p","count":1}],"size":3}""", created["spec"]!.ToJsonString());
        Assert.Equal(1, (int?)created["metadata"]!["generation"]);
    }

    [Theory]
    [InlineData("""{}""", "spec.name", "FieldValueRequired")]
    [InlineData("""{"name":"A"}""", "spec.name", "FieldValueInvalid")]
    [InlineData("""{"name":"toolong"}""", "spec.name", "FieldValueTooLong")]
    [InlineData("""{"name":1}""", "spec.name", "FieldValueTypeInvalid")]
    [InlineData("""{"name":"a","size":0}""", "spec.size", "FieldValueInvalid")]
    [InlineData("""{"name":"a","size":10}""", "spec.size", "FieldValueInvalid")]
    [InlineData("""{"name":"a","size":1.5}""", "spec.size", "FieldValueTypeInvalid")]
    [InlineData("""{"name":"a","mode":"Odd"}""", "spec.mode", "FieldValueNotSupported")]
    [InlineData("""{"name":"a","port":true}""", "spec.port", "FieldValueTypeInvalid")]
    [InlineData("""{"name":"a","when":"yesterday"}""", "spec.when", "FieldValueInvalid")]
    [InlineData("""{"name":"a","tags":{"k":1}}""", "spec.tags.k", "FieldValueTypeInvalid")]
    [InlineData("""{"name":"a","parts":[{"id":"x"},{"id":"x"}]}""", "spec.parts[1]", "FieldValueDuplicate")]
    public async Task A_breach_of_the_schema_names_its_field(string spec, string field, string reason)
    {
        await using var cluster = await StartAsync();
        var (code, status) = await cluster.SendAsync(HttpMethod.Post, Path, Widget(spec));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
        var cause = Assert.Single(status["details"]!["causes"]!.AsArray());
        Assert.Equal((field, reason), ((string?)cause!["field"], (string?)cause["reason"]));
    }

    [Theory]
    [InlineData("""{"name":"a","port":80,"mode":"Fast","when":"2024-01-01T00:00:00Z"}""")]
    [InlineData("""{"name":"a","port":"http"}""")]
    public async Task What_fits_the_schema_is_taken(string spec)
    {
        await using var cluster = await StartAsync();
        await cluster.CreateAsync(Path, Widget(spec));
    }

    [Fact]
    public async Task Strict_validation_refuses_unknown_fields_by_name()
    {
        await using var cluster = await StartAsync();
        var (code, status) = await cluster.SendAsync(HttpMethod.Post, Path + "?fieldValidation=Strict", Widget("""{"name":"a","junk":1}"""));
        Assert.Equal(HttpStatusCode.BadRequest, code);
        Assert.Contains("unknown field \"spec.junk\"", (string?)status["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declared_status_subresource_separates_status_from_spec()
    {
        await using var cluster = await StartAsync();
        await cluster.CreateAsync(Path, """{"metadata":{"name":"w"},"spec":{"name":"a"},"status":{"phase":"X"}}""");
        Assert.Null((await cluster.GetAsync(Path + "/w"))["status"]);
        await cluster.PatchAsync(Path + "/w/status", """{"status":{"phase":"Done"},"spec":{"name":"b"}}""");
        var read = await cluster.GetAsync(Path + "/w");
        Assert.Equal(("Done", "a"), ((string?)read["status"]!["phase"], (string?)read["spec"]!["name"]));
    }

    [Fact]
    public async Task An_update_says_which_version_it_is_of()
    {
        await using var cluster = await StartAsync();
        var widget = await cluster.CreateAsync(Path, Widget("""{"name":"a"}"""));
        widget["spec"]!["name"] = "b";
        widget["metadata"]!.AsObject().Remove("resourceVersion");
        var (code, refusal) = await cluster.SendAsync(HttpMethod.Put, Path + "/w", widget.ToJsonString());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
        Assert.Contains("metadata.resourceVersion: Invalid value: 0x0: must be specified for an update", (string)refusal["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Printer_columns_make_the_table()
    {
        await using var cluster = await StartAsync();
        await cluster.CreateAsync(Path, Widget("""{"name":"a","size":4}"""));
        var (_, table) = await cluster.SendAsync(HttpMethod.Get, Path, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
        Assert.Equal(["Name", "Size", "Made", "Hidden"], table["columnDefinitions"]!.AsArray().Select(c => (string?)c!["name"]));
        Assert.Equal([0, 0, 0, 10], table["columnDefinitions"]!.AsArray().Select(c => (int)c!["priority"]!));
        Assert.Equal("""["w",4,null,"a"]""", table["rows"]![0]!["cells"]!.ToJsonString());
    }

    [Fact]
    public async Task A_deleted_definition_takes_its_objects_and_its_path_with_it()
    {
        await using var cluster = await StartAsync();
        await cluster.CreateAsync(Path, Widget("""{"name":"a"}"""));
        await cluster.SendAsync(HttpMethod.Delete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com");
        await cluster.WaitGoneAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com");
        Assert.Equal(HttpStatusCode.NotFound, (await cluster.SendAsync(HttpMethod.Get, Path)).Code);
        cluster.Cluster.Create(Definition);
        Assert.Empty((await cluster.GetAsync(Path))["items"]!.AsArray());
    }

    private static string Widget(string spec) => $$"""{"metadata":{"name":"w"},"spec":{{spec}}}""";

    private static async Task<TestCluster> StartAsync()
    {
        var cluster = await TestCluster.StartAsync();
        cluster.Cluster.Create(Definition);
        return cluster;
    }
}
