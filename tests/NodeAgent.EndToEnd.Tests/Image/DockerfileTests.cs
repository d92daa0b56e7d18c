using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>What the Dockerfile lists by hand and a change elsewhere would make wrong.</summary>
public sealed partial class DockerfileTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Checkout.Root, "Dockerfile"));

    [Fact]
    public void The_layer_of_the_packages_has_the_projects_that_the_command_line_is_made_of_and_no_other()
    {
        var restore = Array.FindIndex(Lines, line => line.StartsWith("RUN dotnet restore", StringComparison.Ordinal));
        Assert.True(restore > 0, "no RUN dotnet restore");
        var listed = Lines[..restore].Select(line => ProjectCopy().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(Needed("NodeAgent.Cli").Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.DoesNotContain(Lines[..restore], line => line.StartsWith("COPY src/ ", StringComparison.Ordinal));
        Assert.Contains(Lines[restore..], line => line == "COPY src/ src/");
        Assert.Contains("--locked-mode", Lines[restore], StringComparison.Ordinal);
    }

    [Fact]
    public void The_layer_of_the_packages_has_every_file_that_settles_for_all_projects_how_they_are_built()
    {
        var copied = Lines.TakeWhile(line => !line.StartsWith("RUN ", StringComparison.Ordinal)).Where(line => line.StartsWith("COPY ", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1]).ToList();
        string[] settling = ["global.json", "NuGet.config", "nuget.config", "Directory.*"];
        var found = settling.SelectMany(pattern => Directory.GetFiles(Checkout.Root, pattern)).Concat(Directory.GetFiles(Path.Combine(Checkout.Root, "src"), "Directory.*"))
            .Select(file => Path.GetRelativePath(Checkout.Root, file)).Where(file => !file.EndsWith(".rsp", StringComparison.Ordinal)).Distinct().ToList();
        Assert.True(found.Count >= 5, string.Join(' ', found));
        Assert.Empty(found.Except(copied));
    }

    [Fact]
    public void The_images_to_start_from_are_the_builders_choice_and_the_last_stage_ends_as_a_user_with_a_number()
    {
        Assert.All(Lines.Where(line => line.StartsWith("FROM ", StringComparison.Ordinal)), line => Assert.Matches(@"^FROM (--platform=\$\{BUILDPLATFORM\} )?\$\{(SDK|RUNTIME)_IMAGE\}( AS \w+)?$", line));
        Assert.Matches(@"^USER [1-9]\d*$", Lines.Last(line => line.StartsWith("USER ", StringComparison.Ordinal)));
    }

    private static HashSet<string> Needed(string project)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([project]);
        while (open.TryPop(out var next))
        {
            if (!found.Add(next)) continue;
            var file = Path.Combine(Checkout.Root, "src", next, next + ".csproj");
            foreach (var reference in XDocument.Load(file).Descendants("ProjectReference")) open.Push(Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));
        }

        return found;
    }

    [GeneratedRegex(@"^COPY src/([\w.]+)/\*\.csproj src/\1/packages\.lock\.json src/\1/$")]
    private static partial Regex ProjectCopy();
}
