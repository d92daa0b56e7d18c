using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Yaml;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>Renders the committed chart with Go's own templates, by the program of <c>tests/services/chart-renderer</c>.</summary>
internal static class ChartRenderer
{
    public const string Variable = "NODEAGENT_TEST_CHART_RENDERER";

    private static readonly string Folder = Path.Combine(Checkout.Root, "daemonset", "chart");

    public static void SkipWithout() =>
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 }, $"{Variable} is not set: eval \"$(tests/services/chart-renderer --tests)\" builds it");

    /// <summary>The objects that the chart makes; what <paramref name="overrides"/> has takes the place of the chart's values.</summary>
    public static async Task<IReadOnlyList<JsonObject>> RenderAsync(string ns, JsonObject overrides, CancellationToken cancellationToken)
    {
        var values = YamlJson.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "values.yaml"), cancellationToken))!.AsObject();
        Merge(values, overrides);
        var templates = new JsonObject();
        foreach (var file in Directory.GetFiles(Path.Combine(Folder, "templates"))) templates[Path.GetFileName(file)] = await File.ReadAllTextAsync(file, cancellationToken);
        var input = new JsonObject
        {
            ["values"] = values,
            ["namespace"] = ns,
            ["files"] = new JsonObject { ["dashboard.json"] = await File.ReadAllTextAsync(Path.Combine(Folder, "dashboard.json"), cancellationToken) },
            ["templates"] = templates,
        };
        var rendered = JsonNode.Parse(await RunAsync(input.ToJsonString(), cancellationToken))!.AsObject();
        return [.. rendered.Where(file => file.Key.EndsWith(".yaml", StringComparison.Ordinal)).OrderBy(file => file.Key, StringComparer.Ordinal).SelectMany(file => Documents(file.Value!.GetValue<string>()))];
    }

    private static IEnumerable<JsonObject> Documents(string text) =>
        text.Split("\n---\n").Select(YamlJson.Parse).OfType<JsonObject>();

    private static async Task<string> RunAsync(string input, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.GetEnvironmentVariable(Variable)!) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }

    private static void Merge(JsonObject into, JsonObject from)
    {
        foreach (var (name, value) in from)
        {
            if (value is JsonObject inner && into[name] is JsonObject existing) Merge(existing, inner);
            else into[name] = value?.DeepClone();
        }
    }
}
