namespace NodeAgent.Cli.Terminal;

/// <summary>
/// Warnings of one kind, of which a damaged disk may cause any number: each on a line of its own, and beyond the first few only that there are more. Safe for
/// concurrent use.
/// </summary>
/// <param name="advice">What to do about all of them, said behind the first.</param>
/// <param name="all">What lists them all.</param>
internal sealed class WarningSeries(string advice, string all)
{
    public const int Shown = 10;

    private readonly TextWriter _output = StandardStreams.Error;
    private int _count;

    internal WarningSeries(string advice, string all, TextWriter output)
        : this(advice, all) => _output = output;

    /// <summary>One of which it is not known how many follow.</summary>
    public void Add(string message)
    {
        var number = Interlocked.Increment(ref _count);
        if (number <= Shown) Print(number == 1 ? $"{message} ({advice})" : message);
        else if (number == Shown + 1) Print($"and more ({all})");
    }

    /// <summary>All that there are.</summary>
    public void AddAll(IReadOnlyCollection<string> messages)
    {
        // A line that says that there is one more could be that one.
        var shown = messages.Count <= Shown ? messages.Count : Shown - 1;
        var isFirst = true;
        foreach (var message in messages.Take(shown))
        {
            Print(isFirst ? $"{message} ({advice})" : message);
            isFirst = false;
        }

        if (messages.Count > shown) Print(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"and {messages.Count - shown:N0} more ({all})"));
    }

    private void Print(string message) => _output.WriteLine($"warning: {DisplayText.OneLine(message)}");
}
