using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>
/// The Helm chart as made from the manifests of <c>daemonset/</c>, where comments say what is a value: <c>key: default # values: path</c> (the default may be a block below),
/// <c># values: path</c> alone in a list (more items), <c># release: namespace</c>, and <c># enabled: path = default</c> on the first line of an object that is not always wanted.
/// </summary>
internal sealed class Chart
{
    private readonly SortedDictionary<string, string> _files = new(StringComparer.Ordinal);

    private Chart()
    {
    }

    /// <summary>Text by path below the chart's folder.</summary>
    public IReadOnlyDictionary<string, string> Files => _files;

    /// <exception cref="InvalidDataException">Two places give one value different defaults, or a mark is not understood.</exception>
    public static Chart Of(string daemonset)
    {
        var chart = new Chart();
        var values = new List<ChartValue>(ChartValues.OfTheChartAlone);
        foreach (var folder in (string[])["controller", "agent", "monitoring"])
        {
            foreach (var file in Directory.GetFiles(Path.Combine(daemonset, folder), "*.yaml").Order(StringComparer.Ordinal))
            {
                var name = Path.GetFileName(file);
                if (name == "kustomization.yaml") continue;
                var template = ChartTemplate.Of(File.ReadAllLines(file));
                chart._files[$"templates/{folder}-{name}"] = template.Text;
                values.AddRange(template.Values);
            }
        }

        var tree = ChartValueTree.Of(values);
        chart._files["values.yaml"] = tree.ToYaml();
        chart._files["values.schema.json"] = tree.ToSchema().ToJsonString(ChartValueTree.Indented) + "\n";
        return chart;
    }

    /// <summary>What the chart's files in a checkout say, for the paths that are made.</summary>
    public static string? Committed(string chart, string path) => File.Exists(Path.Combine(chart, path)) ? File.ReadAllText(Path.Combine(chart, path)) : null;

    public void WriteTo(string chart)
    {
        foreach (var (path, text) in _files) File.WriteAllText(Path.Combine(chart, path), text);
    }
}
