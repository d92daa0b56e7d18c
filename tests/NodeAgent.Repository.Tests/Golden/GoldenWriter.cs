namespace NodeAgent.Repository.Tests.Golden;

/// <summary>
/// Writes the golden files anew, and only when asked to: for a new version of the format, into a folder of its own. Those of a
/// version that was released are never written again, since repositories of that version exist.
/// </summary>
public sealed class GoldenWriter
{
    private const string Switch = "NODEAGENT_WRITE_GOLDEN";

    [Fact]
    public async Task Golden_files_are_written_when_the_environment_says_so()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Switch) == "1", $"{Switch} is not 1");
        var cancellation = TestContext.Current.CancellationToken;
        // Made beside the old ones, which stay when something fails.
        var made = GoldenFiles.Folder + ".new";
        Directory.CreateDirectory(made);
        foreach (var (name, content) in await GoldenObjects.MakeAsync(cancellation))
            await File.WriteAllBytesAsync(Path.Combine(made, name), content, cancellation);
        foreach (var (id, lines) in await GoldenRepository.WriteAsync(Path.Combine(made, "repository"), cancellation))
            await File.WriteAllTextAsync(Path.Combine(made, $"{GoldenFiles.ListingPrefix}{id}.txt"), string.Concat(lines.Select(line => line + "\n")), cancellation);
        if (Directory.Exists(GoldenFiles.Folder)) Directory.Delete(GoldenFiles.Folder, recursive: true);
        Directory.Move(made, GoldenFiles.Folder);
    }
}
