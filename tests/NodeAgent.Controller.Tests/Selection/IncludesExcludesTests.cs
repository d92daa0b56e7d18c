using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Tests.Selection;

/// <summary>Lists of names with wildcards; commas stand between the names, and nothing is an empty list.</summary>
public sealed class IncludesExcludesTests
{
    [Theory]
    [InlineData("", "", "shop", true)]
    [InlineData("*", "", "shop", true)]
    [InlineData("store,shop,lab", "", "shop", true)]
    [InlineData("store,lab", "", "shop", false)]
    [InlineData("*", "shop", "shop", false)]
    [InlineData("*", "shop", "store", true)]
    [InlineData("", "shop", "shop", false)]
    [InlineData("shop", "shop", "shop", false)]
    [InlineData("*.apps", "", "deployments.apps", true)]
    [InlineData("*.apps", "", "apps.deployments", false)]
    [InlineData("*", "*.apps", "deployments.apps", false)]
    [InlineData("*", "*.apps", "jobs.batch", true)]
    [InlineData("shop-*", "*-test", "shop-test", false)]
    [InlineData("shop-*", "*-test", "shop-live", true)]
    public void Exclusion_wins_and_no_inclusion_means_all(string includes, string excludes, string name, bool taken) =>
        Assert.Equal(taken, Lists(includes, excludes).ShouldInclude(name));

    [Theory]
    [InlineData("sh?p", "shop,ship", "shp,shoop")]
    [InlineData("tier[12]", "tier1,tier2", "tier3,tier,tier12")]
    [InlineData("tier[a-c]x", "tierax,tiercx", "tierdx,tier-x")]
    [InlineData("tier[!a-c]", "tierd,tier1", "tiera,tierc")]
    [InlineData("*-app-*", "my-app-live,your-app-", "my-app,app-live")]
    [InlineData("app.live", "app.live", "appxlive,app-live")]
    [InlineData("app+", "app+", "app,appp")]
    [InlineData("{shop,store}-*", "shop-1,store-2", "lab-1,shop")]
    [InlineData("a\\*b", "a*b", "axb,a\\b")]
    // What does not close stands for itself, and a range that runs backwards for nothing.
    [InlineData("shop[", "shop[", "shop")]
    [InlineData("shop{a", "shop{a", "shopa")]
    [InlineData("[z-a]", "[z-a]", "m,z")]
    public void Wildcards_stand_for_what_they_do_in_Velero(string pattern, string matching, string others)
    {
        var glob = new NameGlob(pattern);
        Assert.All(matching.Split(','), name => Assert.True(glob.Matches(name), name));
        Assert.All(others.Split(','), name => Assert.False(glob.Matches(name), name));
    }

    [Fact]
    public void Many_wildcards_take_no_longer_than_the_name_is_long()
    {
        var pattern = new NameGlob(string.Concat(Enumerable.Repeat("*a", 60)) + "b");
        Assert.False(pattern.Matches(new string('a', 250)));
    }

    [Theory]
    [InlineData("", "", null)]
    [InlineData("*", "", null)]
    [InlineData("*,shop", "", "things: \"*\" stands beside other included names; keep one or the other")]
    [InlineData("shop", "*", "things: excluding \"*\" leaves nothing")]
    [InlineData("shop,store", "store", "things: \"store\" is both included and excluded")]
    public void Lists_that_contradict_themselves_are_told_of(string includes, string excludes, string? problem) => Assert.Equal(problem, Lists(includes, excludes).Problems("things").SingleOrDefault());

    [Theory]
    [InlineData("", "*", null)]
    [InlineData("*", "", null)]
    [InlineData("*,pods", "", "things: \"*\" stands beside other included names; keep one or the other")]
    [InlineData("", "*,pods", "things: \"*\" stands beside other excluded names; keep one or the other")]
    [InlineData("pods", "*", "things: \"*\" is excluded, which leaves nothing of what is included; remove one of the lists")]
    [InlineData("pods,jobs", "jobs", "things: \"jobs\" is both included and excluded")]
    public void Lists_of_one_scope_may_exclude_all(string includes, string excludes, string? problem) =>
        Assert.Equal(problem, Lists(includes, excludes).Problems("things", mayExcludeAll: true).SingleOrDefault());

    [Theory]
    [InlineData("", null)]
    [InlineData("*", null)]
    [InlineData("shop-2", null)]
    [InlineData("*-shop", null)]
    [InlineData("kube-*", null)]
    [InlineData("*kube*", null)]
    [InlineData("shop-?", null)]
    [InlineData("shop-[0-9]", null)]
    [InlineData("shop[abc]-[xy]", null)]
    [InlineData("-shop", "is no name")]
    [InlineData("shop-", "is no name")]
    [InlineData("shop.live", "is no name")]
    [InlineData("Shop", "is no name")]
    [InlineData("$shop", "is no name")]
    [InlineData("shop>lab", "is no name")]
    [InlineData("shop_lab", "is no name")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234", "is no name")]
    [InlineData("shop|lab", "use *, ? and [abc]")]
    [InlineData("shop(live)", "use *, ? and [abc]")]
    [InlineData("!shop", "use *, ? and [abc]")]
    [InlineData("shop-{a}", "use *, ? and [abc]")]
    [InlineData("shop,lab", "use *, ? and [abc]")]
    [InlineData("**", "two * in a row")]
    [InlineData("shop-**-live", "two * in a row")]
    [InlineData("shop[", "a [ without its ]")]
    [InlineData("shop[ab", "a [ without its ]")]
    [InlineData("shop[]", "a [] that no character is in")]
    [InlineData("shop]", "a ] without its [")]
    [InlineData("shop[ab]]", "a ] without its [")]
    public void What_stands_for_namespaces_is_checked(string pattern, string? problem)
    {
        if (problem is null) Assert.Null(NamespacePattern.Problem(pattern));
        else Assert.Contains(problem, NamespacePattern.Problem(pattern), StringComparison.Ordinal);
    }

    private static IncludesExcludes Lists(string includes, string excludes) =>
        new(includes.Split(',', StringSplitOptions.RemoveEmptyEntries), excludes.Split(',', StringSplitOptions.RemoveEmptyEntries));
}
