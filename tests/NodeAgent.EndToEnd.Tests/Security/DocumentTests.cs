using System.Text.RegularExpressions;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Security;

/// <summary>docs/security.md names the test of each refusal: there is one of each name.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public void Every_test_that_the_page_names_exists()
    {
        var page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "security.md"));
        var known = Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Method().Matches(File.ReadAllText(file)))
            .Select(m => m.Groups[1].Value)
            .ToHashSet(StringComparer.Ordinal);

        var named = TestName().Matches(page).Select(m => m.Value).Distinct().ToList();

        Assert.True(named.Count > 30, $"only {named.Count} tests are named");
        Assert.All(named, name => Assert.Contains(name, known));
    }

    [GeneratedRegex(@"(?:void|Task) ([A-Z][A-Za-z0-9]*_[A-Za-z0-9_]+)\(")]
    private static partial Regex Method();

    [GeneratedRegex(@"\b[A-Z][A-Za-z]*_[a-z0-9][A-Za-z0-9]*_[A-Za-z0-9_]+\b")]
    private static partial Regex TestName();
}
