using System.Globalization;
using System.Text;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Progress;

/// <summary>The words and the bar of the progress display.</summary>
internal static class ProgressText
{
    private const string Eighths = "░▏▎▍▌▋▊▉█";

    /// <summary>
    /// Bar, share, time, bytes, files, rate and time left in at most so many columns. The bar takes what the words leave; where they do not fit, those
    /// that are missed least go first: the files, the rate, the time that has passed.
    /// </summary>
    public static string LiveLine(ProgressSample sample, TimeSpan elapsed, RateEstimator rate, int columns)
    {
        var (done, total) = sample.HasBytes ? (sample.BytesDone, sample.BytesTotal) : (sample.FilesDone, sample.FilesTotal);
        var isShare = sample.TotalIsFinal && total > 0;
        var share = isShare ? Math.Clamp(done / (double)total, 0, 1) : 0;
        // Rounded down: 100 % is shown only when it is so.
        var percent = isShare ? string.Create(CultureInfo.InvariantCulture, $"{(int)(share * 100),3}%  ") : "";
        var clock = ElapsedTime.Clock(elapsed) + "  ";
        var (amounts, speed, left) = (Amounts(sample), Rate(rate), TimeLeft(sample, rate));
        // Where no bytes are counted, the files are the amount.
        var less = sample.HasBytes ? Amounts(sample with { Unit = "" }) : amounts;
        string[] fuller = [clock + amounts + speed + left, clock + less + speed + left, clock + less + left, less + left, less];
        var room = columns - percent.Length;
        var words = fuller.FirstOrDefault(words => DisplayText.Width(words) <= room) ?? DisplayText.FitRight(less, Math.Max(0, room));
        var bar = room - DisplayText.Width(words) - 2;
        var line = isShare && bar >= 8 && words == fuller[0] ? $"{Bar(share, Math.Min(bar, 30))}  {percent}{words}" : percent + words;
        return DisplayText.FitRight(line.TrimEnd(), columns);
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

    public static string RateAndTimeLeft(ProgressSample sample, RateEstimator rate) => Rate(rate) + TimeLeft(sample, rate);

    private static string Rate(RateEstimator rate) => rate.BytesPerSecond >= 1 ? $", {ByteSize.Format(rate.BytesPerSecond)}/s" : "";

    private static string TimeLeft(ProgressSample sample, RateEstimator rate) =>
        sample.TotalIsFinal && sample.BytesDone < sample.BytesTotal && rate.TimeLeft(sample.BytesTotal) is { } left ? $", {ElapsedTime.Clock(left)} left" : "";

    private static string Bar(double share, int width)
    {
        var eighths = (int)(share * width * 8);
        var bar = new StringBuilder(width).Append('█', eighths / 8);
        if (bar.Length < width)
            bar.Append(Eighths[eighths % 8]);
        return bar.Append('░', Math.Max(0, width - bar.Length)).ToString();
    }
}
