using System.Globalization;

namespace NodeAgent.Agent.Runs;

/// <summary>
/// Which attempt at a volume it is. A run outlives its agent: the next one on the node takes it up, but not for ever, since it may be this
/// volume that ends the agents. The number is kept in the message of the object's status, the only part of it that agents need to write.
/// </summary>
internal static class Attempts
{
    /// <summary>How many agents may have a try.</summary>
    public const int Most = 3;

    private const string Prefix = "attempt ";

    /// <summary>The number that a message names; the first attempt has none.</summary>
    public static int Of(string? message)
    {
        if (message?.StartsWith(Prefix, StringComparison.Ordinal) != true) return 1;
        var number = message.AsSpan(Prefix.Length);
        var end = number.IndexOf(' ');
        return end > 0 && int.TryParse(number[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var attempt) && attempt > 0 ? attempt : 1;
    }

    public static string Describe(int attempt, string node) => $"{Prefix}{attempt} of {Most}: the agent of node {node} was restarted while it worked on this";

    public static string GivenUp(string node) => $"the agent of node {node} was restarted {Most} times while it worked on this; see why its pod ends (its log with --previous, the limit of its memory)";
}
