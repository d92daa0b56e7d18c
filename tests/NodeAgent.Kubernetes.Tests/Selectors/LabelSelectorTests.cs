using NodeAgent.Kubernetes.Selectors;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes.Tests.Selectors;

public sealed class LabelSelectorTests
{
    private static readonly Dictionary<string, string> Labels = new() { ["app"] = "db", ["tier"] = "back", ["empty"] = "", ["example.com/role"] = "x" };

    [Theory]
    [InlineData("", true)]
    [InlineData("app=db", true)]
    [InlineData(" app == db ", true)]
    [InlineData("app=web", false)]
    [InlineData("app!=web", true)]
    [InlineData("app!=db", false)]
    [InlineData("none!=db", true)]
    [InlineData("app in (web, db)", true)]
    [InlineData("app in (web)", false)]
    [InlineData("none in (web)", false)]
    [InlineData("app notin (web)", true)]
    [InlineData("app notin (web,db)", false)]
    [InlineData("none notin (web)", true)]
    [InlineData("app", true)]
    [InlineData("none", false)]
    [InlineData("!none", true)]
    [InlineData("!app", false)]
    [InlineData("empty=", true)]
    [InlineData("app=", false)]
    [InlineData("app=db,tier in (back,front),!old,example.com/role=x", true)]
    [InlineData("app=db,tier=front", false)]
    [InlineData("app=db,app=web", false)]
    [InlineData("App=db", false)]
    public void Selectors_choose_and_keep_their_meaning_as_text(string text, bool matches)
    {
        var selector = LabelSelectorSyntax.Parse(text);
        Assert.Equal(matches, selector.Matches(Labels));
        Assert.Equal(matches, LabelSelectorSyntax.Parse(LabelSelectorSyntax.Format(selector)).Matches(Labels));
    }

    [Fact]
    public void A_selector_is_written_as_kubectl_reads_it()
    {
        var selector = new LabelSelector
        {
            MatchLabels = new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" },
            MatchExpressions =
            [
                new() { Key = "c", Operator = "In", Values = ["x", "y"] }, new() { Key = "d", Operator = "NotIn", Values = ["z"] },
                new() { Key = "e", Operator = "Exists" }, new() { Key = "f", Operator = "DoesNotExist", Values = [] },
            ],
        };
        Assert.Equal("a=1,b=2,c in (x,y),d notin (z),e,!f", LabelSelectorSyntax.Format(selector));
        Assert.Equal("", LabelSelectorSyntax.Format(new LabelSelector()));
    }

    [Theory]
    [InlineData("a,,b", "empty")]
    [InlineData("a in (b", "not closed")]
    [InlineData("a in b)", "has no (")]
    [InlineData("a within (b)", "is expected")]
    [InlineData("=b", "is no label key")]
    [InlineData("!=b", "is no label key")]
    [InlineData("a b", "is no label key")]
    [InlineData("/a=b", "is no label key")]
    [InlineData("-a=b", "is no label key")]
    [InlineData("a=b c", "is no label value")]
    [InlineData("a in (b c)", "is no label value")]
    [InlineData("a>5", "not compared by size")]
    public void Text_that_is_no_selector_says_why(string text, string problem)
    {
        var error = Assert.Throws<FormatException>(() => LabelSelectorSyntax.Parse(text));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Near", "x", "is not In, NotIn, Exists or DoesNotExist")]
    [InlineData(null, "x", "is not In, NotIn, Exists or DoesNotExist")]
    [InlineData("In", null, "needs values")]
    [InlineData("NotIn", null, "needs values")]
    [InlineData("Exists", "x", "takes no values")]
    [InlineData("In", "a b", "is no label value")]
    public void A_condition_that_means_nothing_is_refused_and_never_matches_by_accident(string? op, string? value, string problem)
    {
        var selector = new LabelSelector { MatchExpressions = [new() { Key = "k", Operator = op, Values = value is null ? null : [value] }] };
        Assert.Contains(problem, Assert.Throws<FormatException>(() => selector.Matches(Labels)).Message, StringComparison.Ordinal);
        Assert.Contains(problem, Assert.Throws<FormatException>(() => LabelSelectorSyntax.Format(selector)).Message, StringComparison.Ordinal);
    }
}
