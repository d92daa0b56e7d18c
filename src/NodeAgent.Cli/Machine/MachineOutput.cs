using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Machine;

/// <summary>How a verb for plain machines prints: for people, or as one JSON value on standard output.</summary>
internal static class MachineOutput
{
    public static readonly Option<string> Output = Recursive(Flags.Choice("--output", "Output format", ["text", "json"], "text", "-o"));
    public static readonly Option<bool> Quiet = Recursive(Flags.Switch("--quiet", "Show no progress", "-q"));
    public static readonly Option<string> Progress = Recursive(Flags.Choice("--progress", "How progress is shown (auto: bar on a terminal, else lines)", ["auto", "bar", "lines", "json", "none"], "auto"));

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public static Command WithMachineOutput(this Command command)
    {
        command.Add(Output);
        command.Add(Quiet);
        command.Add(Progress);
        return command;
    }

    public static bool IsJson(ParseResult parse) => parse.GetValue(Output) == "json";

    public static void PrintJson(JsonNode node) => StandardStreams.Out.WriteLine(JsonText.Format(node));

    public static ProgressDisplay StartProgress(ParseResult parse, string verb) => new(ModeOf(parse), verb, TimeProvider.System);

    /// <summary>A name as `path`, and its bytes as `pathBytes` where text cannot express them.</summary>
    public static void SetPath(JsonObject target, ReadOnlySpan<byte> path)
    {
        target["path"] = DecodedOrShown(path, out var isExact);
        if (!isExact)
            target["pathBytes"] = Convert.ToBase64String(path);
    }

    /// <summary>A path within a source, snapshot or target, for people. What it is within has no name there, and would be seen as a colon behind nothing.</summary>
    public static string PathText(ReadOnlySpan<byte> path) => path.IsEmpty ? "." : DisplayText.Name(path);

    private static string DecodedOrShown(ReadOnlySpan<byte> path, out bool isExact)
    {
        try
        {
            isExact = true;
            return StrictUtf8.GetString(path);
        }
        catch (DecoderFallbackException)
        {
            isExact = false;
            return DisplayText.Name(path);
        }
    }

    private static ProgressMode ModeOf(ParseResult parse) => parse.GetValue(Quiet)
        ? ProgressMode.None
        : parse.GetValue(Progress) switch
        {
            "bar" => ProgressMode.Live,
            "lines" => ProgressMode.Lines,
            "json" => ProgressMode.Json,
            "none" => ProgressMode.None,
            _ => StandardStreams.ErrorIsTerminal ? ProgressMode.Live : ProgressMode.Lines,
        };

    private static T Recursive<T>(T option)
        where T : Option
    {
        option.Recursive = true;
        return option;
    }
}
