using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>The output flags of `get` and `create`, and the printing that they choose.</summary>
internal static class OutputOptions
{
    public const string Table = "table";

    public static readonly Option<string> Output = Flags.Choice("--output", "Output format", [Table, "json", "yaml"], Table, "-o");
    public static readonly Option<string[]> LabelColumns = Flags.List("--label-columns", "Labels to show as columns", "labels", "-L");
    public static readonly Option<bool> ShowLabels = Flags.Switch("--show-labels", "Show all labels in the last column");

    public static Command WithOutputOptions(this Command command)
    {
        command.Add(Output);
        command.Add(LabelColumns);
        command.Add(ShowLabels);
        return command;
    }

    /// <summary>On a create command json and yaml print the object and do not send it.</summary>
    public static bool PrintsOnly(ParseResult parse) => parse.GetValue(Output) != Table;

    /// <summary>json or yaml of one object.</summary>
    public static void PrintObject(ParseResult parse, JsonNode resource) =>
        StandardStreams.Out.Write(parse.GetValue(Output) == "yaml" ? YamlText.Format(resource) : JsonText.Format(resource) + "\n");

    /// <summary>A list in the chosen format. One object alone is printed bare, without a list around it.</summary>
    public static void PrintList(ParseResult parse, VeleroKind kind, IReadOnlyList<JsonObject> resources, string @namespace)
    {
        if (parse.GetValue(Output) != Table)
        {
            PrintObject(parse, resources.Count == 1 ? resources[0] : AsList(kind, resources));
            return;
        }

        if (resources.Count == 0)
        {
            StandardStreams.Error.WriteLine($"no {kind.Nouns} found in namespace {@namespace}");
            return;
        }

        PrintTable(parse, kind, resources);
    }

    private static JsonObject AsList(VeleroKind kind, IReadOnlyList<JsonObject> resources) => new()
    {
        ["apiVersion"] = VeleroKind.ApiVersion,
        ["kind"] = kind.Kind + "List",
        ["metadata"] = new JsonObject(),
        ["items"] = new JsonArray([.. resources.Select(resource => resource.DeepClone())]),
    };

    private static void PrintTable(ParseResult parse, VeleroKind kind, IReadOnlyList<JsonObject> resources)
    {
        var labelColumns = parse.GetValue(LabelColumns) ?? [];
        var showLabels = parse.GetValue(ShowLabels);
        var header = kind.Columns.Select(column => column.Name)
            .Concat(labelColumns.Select(label => label[(label.LastIndexOf('/') + 1)..].ToUpperInvariant()));
        var table = new TextTable([.. header, .. (showLabels ? ["LABELS"] : Array.Empty<string>())]);
        // Labels were asked for, and are what is longest.
        if (showLabels) table.Yielding(new ColumnYield(kind.Columns.Length + labelColumns.Length, 12) { Stays = true });
        table.Yielding([.. kind.Columns.Select((column, place) => (Column: column, Place: place)).Where(c => c.Column.Yields > 0).OrderBy(c => c.Column.Yields)
            .Select(c => new ColumnYield(c.Place, c.Column.Min) { KeepsEnd = c.Column.KeepsEnd, Stays = c.Column.Stays })]);
        var now = TimeProvider.System.GetUtcNow();
        foreach (var resource in ResourceOrder.ForPeople(resources))
        {
            var cells = kind.Columns.Select(column => column.Value(resource, now))
                .Concat(labelColumns.Select(label => resource.Text("metadata", "labels", label)));
            table.Add([.. cells, .. (showLabels ? [Labels(resource)] : Array.Empty<string>())]);
        }

        table.WriteTo(StandardStreams.Out);
    }

    private static string Labels(JsonObject resource) =>
        resource.Pairs("metadata", "labels") is { Length: > 0 } labels
            ? string.Join(',', labels.Select(label => $"{label.Key}={label.Value}"))
            : "<none>";
}
