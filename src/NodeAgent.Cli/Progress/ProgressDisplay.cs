using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Progress;

/// <summary>
/// Shows how far a run is, on standard error. Reports arrive from any thread at any rate and cost one uncontended lock;
/// a timer draws the latest of them.
/// </summary>
internal sealed class ProgressDisplay : IAsyncDisposable
{
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan FirstLineAfter = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan JsonInterval = TimeSpan.FromSeconds(1);

    private readonly ProgressMode _mode;
    private readonly string _verb;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly RateEstimator _rate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _drawing = new();
    private readonly Task _drawingLoop;
    private ProgressSample? _latest;
    private TimeSpan _nextLine = FirstLineAfter;
    private int _linesOnScreen;

    /// <param name="verb">What is being done, as the word at the start of a line: "backup", "restore", "check".</param>
    public ProgressDisplay(ProgressMode mode, string verb, TimeProvider time)
    {
        (_mode, _verb, _time) = (mode, verb, time);
        _started = time.GetTimestamp();
        if (mode == ProgressMode.Live)
            StandardStreams.Error.Write(Ansi.HideCursor);
        _drawingLoop = mode == ProgressMode.None ? Task.CompletedTask : DrawLoopAsync();
    }

    public TimeSpan Elapsed => _time.GetElapsedTime(_started);

    public void Report(ProgressSample sample)
    {
        lock (_drawing)
            _latest = sample;
    }

    /// <summary>A line above the live display, or simply a line.</summary>
    public void Message(string line)
    {
        lock (_drawing)
        {
            Erase();
            StandardStreams.Error.WriteLine(DisplayText.OneLine(line));
            if (_mode == ProgressMode.Live)
                Draw();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _drawingLoop;
        lock (_drawing)
        {
            Erase();
            if (_mode == ProgressMode.Live)
                StandardStreams.Error.Write(Ansi.ShowCursor);
            else if (_mode == ProgressMode.Json && _latest is { } final)
                WriteJson(final, Elapsed);
            // A run that was too short for a line needs no last one either.
            else if (_mode == ProgressMode.Lines && _latest is { } last && Elapsed >= FirstLineAfter)
                StandardStreams.Error.WriteLine(Line(last, Elapsed));
        }

        _stop.Dispose();
    }

    private async Task DrawLoopAsync()
    {
        using var timer = new PeriodicTimer(RedrawInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                lock (_drawing)
                    Tick();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private void Tick()
    {
        if (_latest is not { } sample)
            return;
        var elapsed = Elapsed;
        _rate.Add(elapsed, sample.BytesDone);
        if (_mode == ProgressMode.Live)
        {
            Draw();
        }
        else if (elapsed >= _nextLine)
        {
            _nextLine = elapsed + (_mode == ProgressMode.Json ? JsonInterval : LineInterval);
            if (_mode == ProgressMode.Json)
                WriteJson(sample, elapsed);
            else
                StandardStreams.Error.WriteLine(Line(sample, elapsed));
        }
    }

    private void Draw()
    {
        if (_latest is not { } sample)
            return;
        // A line that fills the last column may wrap.
        var columns = Math.Max(1, (TerminalInterop.WidthOf(TerminalInterop.StandardError) ?? 80) - 1);
        // One write, over the old lines: erased and written apart, the display would flicker.
        var text = new StringBuilder(_linesOnScreen > 0 ? Ansi.Up(_linesOnScreen) : "");
        text.Append(ProgressText.LiveLine(sample, Elapsed, _rate, columns)).Append(Ansi.EraseToEndOfLine).Append('\n');
        text.Append(Ansi.Dim).Append(DisplayText.FitLeft(DisplayText.Name(sample.CurrentPath ?? ""), columns)).Append(Ansi.Reset).Append(Ansi.EraseToEndOfLine).Append('\n');
        StandardStreams.Error.Write(text.ToString());
        _linesOnScreen = 2;
    }

    private void Erase()
    {
        if (_linesOnScreen == 0)
            return;
        StandardStreams.Error.Write(Ansi.Up(_linesOnScreen) + Ansi.EraseToEndOfScreen);
        _linesOnScreen = 0;
    }

    private string Line(ProgressSample sample, TimeSpan elapsed) =>
        $"{_verb}: {ProgressText.Amounts(sample)} in {ElapsedTime.Format(elapsed)}{ProgressText.RateAndTimeLeft(sample, _rate)}";

    private void WriteJson(ProgressSample sample, TimeSpan elapsed) =>
        StandardStreams.Error.WriteLine(JsonText.Format(
            new JsonObject
            {
                ["kind"] = "progress",
                ["verb"] = _verb,
                ["elapsedSeconds"] = Math.Round(elapsed.TotalSeconds, 3),
                ["stage"] = sample.Stage,
                ["filesDone"] = sample.FilesDone,
                ["filesTotal"] = sample.FilesTotal,
                ["bytesDone"] = sample.BytesDone,
                ["bytesTotal"] = sample.BytesTotal,
                ["totalIsFinal"] = sample.TotalIsFinal,
                ["newBytes"] = sample.NewBytes,
                ["bytesPerSecond"] = Math.Round(_rate.BytesPerSecond),
                ["currentPath"] = sample.CurrentPath,
            },
            JsonText.Compact));
}
