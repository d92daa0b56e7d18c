namespace NodeAgent.Controller.Work;

/// <summary>How often who waits for something looks: soon again at first, and the more seldom the longer it takes anyway.</summary>
internal static class PollPace
{
    /// <summary>A look comes late by no more than this part of the time that was waited already.</summary>
    private const int Part = 20;

    private const int Slowest = 10;

    /// <summary>The time until the next look.</summary>
    /// <param name="waited">Since the wait began.</param>
    /// <param name="interval">The shortest; the longest is ten times as long.</param>
    public static TimeSpan After(TimeSpan waited, TimeSpan interval)
    {
        var pace = waited / Part;
        return pace < interval ? interval : pace > interval * Slowest ? interval * Slowest : pace;
    }
}
