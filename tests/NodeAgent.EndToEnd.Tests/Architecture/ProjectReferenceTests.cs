using System.Xml.Linq;

namespace NodeAgent.EndToEnd.Tests.Architecture;

/// <summary>
/// The direction of dependencies, as docs/architecture.md draws it: whatever a project file says beyond these edges
/// fails here, transitively reached projects included.
/// </summary>
public sealed class ProjectReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Repository"] = [],
        ["Stores"] = ["Repository"],
        ["Filesystem"] = ["Repository"],
        ["Kubernetes"] = [],
        ["Hosting"] = [],
        ["Agent"] = ["Filesystem", "Stores", "Kubernetes", "Hosting"],
        ["Controller"] = ["Repository", "Stores", "Kubernetes", "Hosting"],
        ["Cli"] = ["Agent", "Controller"],
        ["DevCluster"] = ["Kubernetes"],
    };

    /// <summary>What no path of references may ever reach: the controller must not link code that runs as root.</summary>
    private static readonly (string From, string To)[] NeverReached =
        [("Controller", "Filesystem"), ("Controller", "Agent"), ("Agent", "Controller"), ("DevCluster", "Repository"), ("Kubernetes", "Repository")];

    private static readonly string Root = Checkout.Root;

    [Fact]
    public void Every_source_project_references_only_what_the_architecture_allows()
    {
        var projects = ReadReferences();
        Assert.Equal(Allowed.Keys.Order(), projects.Keys.Order());
        var forbidden = projects
            .SelectMany(p => p.Value.Except(Allowed[p.Key]).Select(to => $"{p.Key} -> {to}"))
            .ToList();
        Assert.True(forbidden.Count == 0, "Forbidden project references: " + string.Join(", ", forbidden));
    }

    [Fact]
    public void No_chain_of_references_reaches_a_project_that_must_stay_apart()
    {
        var projects = ReadReferences();
        foreach (var (from, to) in NeverReached)
        {
            Assert.DoesNotContain(to, Reachable(projects, from));
        }
    }

    [Fact]
    public void No_source_project_references_a_test_project_or_a_file_of_another_project()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories))
        {
            var project = XDocument.Load(file);
            foreach (var include in project.Descendants("ProjectReference").Select(r => r.Attribute("Include")!.Value))
            {
                Assert.DoesNotContain("tests/", include, StringComparison.Ordinal);
            }

            foreach (var include in project.Descendants("Compile").Select(r => r.Attribute("Include")?.Value ?? ""))
            {
                Assert.False(include.StartsWith("..", StringComparison.Ordinal), $"{Path.GetFileName(file)} compiles {include}");
            }
        }
    }

    private static Dictionary<string, string[]> ReadReferences() =>
        Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .ToDictionary(ShortName, file => XDocument.Load(file)
                .Descendants("ProjectReference")
                // build order only: nothing of the other project is linked
                .Where(r => (string?)r.Attribute("ReferenceOutputAssembly") != "false")
                .Select(r => ShortName(r.Attribute("Include")!.Value))
                .ToArray());

    private static HashSet<string> Reachable(Dictionary<string, string[]> projects, string from)
    {
        var seen = new HashSet<string>();
        var open = new Stack<string>(projects[from]);
        while (open.TryPop(out var next))
        {
            if (seen.Add(next))
            {
                foreach (var further in projects[next]) open.Push(further);
            }
        }

        return seen;
    }

    private static string ShortName(string projectFile) =>
        Path.GetFileNameWithoutExtension(projectFile.Replace('\\', '/'))["NodeAgent.".Length..];
}
