using System.CommandLine;
using System.Globalization;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Cli.Machine;

/// <summary>The flags that make up a policy of which snapshots are kept.</summary>
internal static class ForgetPolicyOptions
{
    private const string Unlimited = "unlimited";

    private static readonly Option<int> Last = Number("--keep-last", "Keep the last n snapshots");
    private static readonly Option<int> Hourly = Number("--keep-hourly", "Keep the newest snapshot of each of the last n hours that have one");
    private static readonly Option<int> Daily = Number("--keep-daily", "Likewise for days");
    private static readonly Option<int> Weekly = Number("--keep-weekly", "Likewise for weeks, which begin on Monday");
    private static readonly Option<int> Monthly = Number("--keep-monthly", "Likewise for months");
    private static readonly Option<int> Yearly = Number("--keep-yearly", "Likewise for years");
    private static readonly Option<RetentionSpan?> Within = Span("--keep-within", "Keep what is younger than this (1y6m7d12h), counted from the newest snapshot of its group");
    private static readonly Option<RetentionSpan?> WithinHourly = Span("--keep-within-hourly", "Of what is younger than this, keep the newest of each hour");
    private static readonly Option<RetentionSpan?> WithinDaily = Span("--keep-within-daily", "Likewise of each day");
    private static readonly Option<RetentionSpan?> WithinWeekly = Span("--keep-within-weekly", "Likewise of each week");
    private static readonly Option<RetentionSpan?> WithinMonthly = Span("--keep-within-monthly", "Likewise of each month");
    private static readonly Option<RetentionSpan?> WithinYearly = Span("--keep-within-yearly", "Likewise of each year");
    private static readonly Option<string[]> Tags = new("--keep-tag")
    {
        Description = "Keep what has all of these tags, with this value or any (may be repeated)",
        HelpName = "key[=value],...",
        Arity = ArgumentArity.OneOrMore,
        DefaultValueFactory = static _ => [],
    };

    private static readonly Option<string> GroupBy = new("--group-by", "-g")
    {
        Description = "What tells apart the groups that the policy is applied to: host, namespace, volume, path, tags",
        HelpName = "key,...",
        DefaultValueFactory = static _ => "host,namespace,volume,path",
    };

    private static readonly Option<string> TimeZone = Flags.Text("--timezone", "Whose hours and days count (Europe/Berlin, UTC; default: this machine's)", "zone");

    private static readonly Option[] Rules =
        [Last, Hourly, Daily, Weekly, Monthly, Yearly, Within, WithinHourly, WithinDaily, WithinWeekly, WithinMonthly, WithinYearly, Tags];

    public static void AddTo(Command command)
    {
        foreach (var option in (Option[])[.. Rules, GroupBy, TimeZone]) command.Add(option);
    }

    /// <summary>Whether any of the flags was given.</summary>
    public static bool AreGiven(ParseResult parse) => Array.Exists([.. Rules, GroupBy, TimeZone], option => parse.GetResult(option) is { Implicit: false });

    /// <exception cref="UsageException">The time zone is not known.</exception>
    public static RetentionPolicy PolicyOf(ParseResult parse) => new()
    {
        Last = parse.GetValue(Last),
        Hourly = parse.GetValue(Hourly),
        Daily = parse.GetValue(Daily),
        Weekly = parse.GetValue(Weekly),
        Monthly = parse.GetValue(Monthly),
        Yearly = parse.GetValue(Yearly),
        Within = parse.GetValue(Within),
        WithinHourly = parse.GetValue(WithinHourly),
        WithinDaily = parse.GetValue(WithinDaily),
        WithinWeekly = parse.GetValue(WithinWeekly),
        WithinMonthly = parse.GetValue(WithinMonthly),
        WithinYearly = parse.GetValue(WithinYearly),
        Tags = [.. parse.GetValue(Tags)!.Select(ParseTags)],
        TimeZone = ZoneOf(parse.GetValue(TimeZone)!),
    };

    /// <exception cref="UsageException">A key is not known.</exception>
    public static GroupKey GroupKeyOf(ParseResult parse) => GroupingOptions.Parse(parse.GetValue(GroupBy)!);

    private static IReadOnlyList<RetentionTag> ParseTags(string text)
    {
        var tags = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(tag => tag.IndexOf('=', StringComparison.Ordinal) is >= 0 and var at ? new RetentionTag(tag[..at], tag[(at + 1)..]) : new RetentionTag(tag, null)).ToArray();
        // Nothing asked for would be on every snapshot, and nothing would ever go.
        return tags.Length > 0 && tags.All(tag => tag.Key.Length > 0)
            ? tags
            : throw new UsageException($"--keep-tag \"{text}\": not a tag (write it as key or key=value)");
    }

    private static TimeZoneInfo ZoneOf(string name)
    {
        if (name.Length == 0) return TimeZoneInfo.Local;
        try
        {
            return TimeZoneInfo.FindSystemTimeZoneById(name);
        }
        catch (Exception exception) when (exception is TimeZoneNotFoundException or InvalidTimeZoneException or System.Security.SecurityException)
        {
            throw new UsageException($"--timezone {name}: not known on this machine (write it as Europe/Berlin or UTC; the package tzdata has them)");
        }
    }

    private static Option<int> Number(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "n",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (text == Unlimited) return RetentionPolicy.Unlimited;
            if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= RetentionPolicy.Unlimited) return number;
            result.AddError($"{name} {text}: not a number (give 1 or more, or {Unlimited})");
            return 0;
        },
    };

    private static Option<RetentionSpan?> Span(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (RetentionSpan.TryParse(text, out var span)) return span;
            result.AddError($"{name} {text}: not a duration (write it in years, months, weeks, days and hours, as 1y6m, 2w, 30d or 12h)");
            return null;
        },
    };
}
