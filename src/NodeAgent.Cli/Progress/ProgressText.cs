using System.Globalization;
using System.Text;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Progress;

/// <summary>The words and the bar of the progress display.</summary>
internal static class ProgressText
{
    private const string Eighths = "░▏▎▍▌▋▊▉█";

    /// <summary>Bar, share, bytes, files, rate and time left in at most so many columns; the bar takes what the words leave.</summary>
    public static string LiveLine(ProgressSample sample, TimeSpan elapsed, RateEstimator rate, int columns)
    {
        var words = new StringBuilder();
        words.Append(ElapsedTime.Clock(elapsed)).Append("  ").Append(Amounts(sample)).Append(RateAndTimeLeft(sample, rate));
        var (done, total) = sample.HasBytes ? (sample.BytesDone, sample.BytesTotal) : (sample.FilesDone, sample.FilesTotal);
        if (!sample.TotalIsFinal || total <= 0)
            return Cut(words.ToString(), columns);

        var share = Math.Clamp(done / (double)total, 0, 1);
        // Rounded down: 100 % is shown only when it is so.
        var percent = string.Create(CultureInfo.InvariantCulture, $"{(int)(share * 100),3}%  ");
        var room = columns - DisplayText.Width(words.ToString()) - percent.Length - 2;
        return room < 8 ? Cut(percent + words, columns) : $"{Bar(share, Math.Min(room, 30))}  {percent}{words}";
    }

    /// <summary>"1.2 GiB of 2.5 GiB, 1,234 of 50,000 files"; the totals only once they are final, bytes only where they are counted.</summary>
    public static string Amounts(ProgressSample sample)
    {
        var words = new List<string>();
        if (sample.HasBytes) words.Add(sample.TotalIsFinal ? $"{ByteSize.Format(sample.BytesDone)} of {ByteSize.Format(sample.BytesTotal)}" : ByteSize.Format(sample.BytesDone));
        if (sample.Unit.Length > 0)
            words.Add(string.Create(CultureInfo.InvariantCulture, $"{sample.FilesDone:N0}{(sample.TotalIsFinal ? string.Create(CultureInfo.InvariantCulture, $" of {sample.FilesTotal:N0}") : "")} {sample.Unit}"));
        var amounts = string.Join(", ", words);
        return sample.Stage is not { } stage ? amounts : amounts.Length == 0 ? stage : $"{stage}: {amounts}";
    }

    public static string RateAndTimeLeft(ProgressSample sample, RateEstimator rate)
    {
        var text = rate.BytesPerSecond >= 1 ? $", {ByteSize.Format(rate.BytesPerSecond)}/s" : "";
        if (sample.TotalIsFinal && sample.BytesDone < sample.BytesTotal && rate.TimeLeft(sample.BytesTotal) is { } left)
            text += $", {ElapsedTime.Clock(left)} left";
        return text;
    }

    private static string Bar(double share, int width)
    {
        var eighths = (int)(share * width * 8);
        var bar = new StringBuilder(width).Append('█', eighths / 8);
        if (bar.Length < width)
            bar.Append(Eighths[eighths % 8]);
        return bar.Append('░', Math.Max(0, width - bar.Length)).ToString();
    }

    private static string Cut(string text, int columns) => text.Length <= columns ? text : text[..columns];
}
