using System.CommandLine;
using System.Globalization;
using System.CommandLine.Parsing;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.CommandLine;

/// <summary>The kinds of flag that Velero's command line knows, with its ways of writing their values.</summary>
internal static class Flags
{
    /// <summary>One string; empty when not given.</summary>
    public static Option<string> Text(string name, string description, string? helpName = null, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = helpName, DefaultValueFactory = static _ => "" };

    /// <summary>A list parted by commas; the flag may be repeated.</summary>
    public static Option<string[]> List(string name, string description, string? helpName = null, params string[] aliases) =>
        new(name, aliases)
        {
            Description = description,
            HelpName = helpName,
            Arity = ArgumentArity.OneOrMore,
            DefaultValueFactory = static _ => [],
            CustomParser = static result =>
            [
                .. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)),
            ],
        };

    /// <summary>key=value pairs parted by commas; the flag may be repeated.</summary>
    public static Option<Dictionary<string, string>> Map(string name, string description, string? helpName = null, char separator = '=') =>
        new(name)
        {
            Description = description,
            HelpName = helpName ?? $"key{separator}value,...",
            Arity = ArgumentArity.OneOrMore,
            DefaultValueFactory = static _ => [],
            CustomParser = result => ParseMap(result, name, ',', separator),
        };

    /// <summary>kind=ns/a,ns/b;kind2=…: pairs parted by semicolons, whose values hold commas.</summary>
    public static Option<Dictionary<string, string>> OrderedMap(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "kind=ns/name,...;...",
            Arity = ArgumentArity.OneOrMore,
            DefaultValueFactory = static _ => [],
            CustomParser = result => ParseMap(result, name, ';', '='),
        };

    /// <summary>Unset, true or false. The bare flag means true; a value follows an equals sign.</summary>
    public static Option<bool?> OptionalBool(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = "true|false", Arity = ArgumentArity.ZeroOrOne };

    public static Option<bool> Switch(string name, string description, params string[] aliases) => new(name, aliases) { Description = description };

    public static Option<int> Count(string name, string description, int fallback = 0) =>
        new(name)
        {
            Description = description,
            HelpName = "n",
            DefaultValueFactory = _ => fallback,
            CustomParser = result =>
            {
                if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                    return count;
                result.AddError($"{name} {result.Tokens[0].Value}: not a number (give 0 or more)");
                return 0;
            },
        };

    /// <summary>A duration in Go's writing (1h30m, 720h, 10s); null when not given.</summary>
    public static Option<TimeSpan?> Duration(string name, string description, string? fallback = null) =>
        new(name)
        {
            Description = description,
            HelpName = "duration",
            DefaultValueFactory = _ => GoDuration.TryParse(fallback, out var standard) ? standard : null,
            CustomParser = result =>
            {
                if (GoDuration.TryParse(result.Tokens[0].Value, out var duration))
                    return duration;
                result.AddError($"{name} {result.Tokens[0].Value}: not a duration (write it as 30s, 10m, 1h30m or 720h)");
                return null;
            },
        };

    /// <summary>One of a few words; anything else is refused with the words that would do.</summary>
    public static Option<string> Choice(string name, string description, string[] choices, string fallback = "", params string[] aliases)
    {
        var option = new Option<string>(name, aliases)
        {
            Description = description,
            HelpName = string.Join('|', choices),
            DefaultValueFactory = _ => fallback,
            CustomParser = result =>
            {
                var value = result.Tokens[0].Value;
                if (Array.Find(choices, choice => choice.Equals(value, StringComparison.OrdinalIgnoreCase)) is { } known)
                    return known;
                result.AddError($"{name} {value}: not known (give {string.Join(", ", choices[..^1])} or {choices[^1]})");
                return fallback;
            },
        };
        option.CompletionSources.Add(choices);
        return option;
    }

    private static Dictionary<string, string> ParseMap(ArgumentResult result, string name, char between, char separator)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in result.Tokens.SelectMany(token => token.Value.Split(between, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
        {
            var at = pair.IndexOf(separator, StringComparison.Ordinal);
            if (at <= 0)
            {
                result.AddError($"{name} {pair}: not a pair (write it as key{separator}value)");
                return map;
            }

            map[pair[..at]] = pair[(at + 1)..];
        }

        return map;
    }
}
