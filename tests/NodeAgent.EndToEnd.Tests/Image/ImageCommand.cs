using System.Diagnostics;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>Runs commands in the image as a container would: <c>tests/services/image run</c>.</summary>
internal static class ImageCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(300);

    /// <summary>Returns what it wrote to standard output and to standard error; fails the test unless it exits with 0.</summary>
    public static async Task<(string Output, string Errors)> RunAsync(string[] options, params string[] command)
    {
        var start = new ProcessStartInfo(Path.Combine(Checkout.Root, "tests", "services", "image"), ["run", "--archive", ImageArchive.PathOrSkip(), .. options, "--", .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // All that runs in it ends with the script.
            process.Kill();
            Assert.Fail($"{string.Join(' ', command)} did not end within {Limit.TotalSeconds} s in the image\n{await errors}");
        }

        Assert.True(process.ExitCode == 0, $"{string.Join(' ', command)} in the image: exit code {process.ExitCode}\n{await output}\n{await errors}");
        return (await output, await errors);
    }
}
