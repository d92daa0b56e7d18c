using NodeAgent.Controller.Restores.Versions;

namespace NodeAgent.Controller.Tests.Restores.Versions;

public sealed class VersionChoiceTests
{
    [Theory]
    // The user's first that both sides have.
    [InlineData("v1", "v1,v2,v2beta1", "v2", "v1,v2,v2beta1", "v3,v2beta1,v1", "v2beta1")]
    [InlineData("v1", "v1,v2", "v2", "v1,v2", "v3", "v2")]
    // What the cluster prefers.
    [InlineData("v1", "v1,v2", "v2", "v1,v2", "", "v2")]
    // What the backup's cluster preferred.
    [InlineData("v1", "v1,v1beta1", "v2", "v1,v2", "", "v1")]
    // The best of the common ones.
    [InlineData("v2", "v2,v1beta1,v1alpha1,v1", "v3", "v3,v1alpha1,v1beta1", "", "v1beta1")]
    // None: the backup's, which is refused with a message.
    [InlineData("v1", "v1,v1beta1", "v2", "v2,v3", "", "v1")]
    [InlineData("v1", "v1,v1beta1", null, "", "", "v1")]
    public void The_first_rule_that_both_clusters_can_follow_decides(string sourcePreferred, string source, string? targetPreferred, string target, string wanted, string expected) =>
        Assert.Equal(expected, VersionChoice.Choose(sourcePreferred, Split(source), targetPreferred, Split(target), Split(wanted)));

    [Fact]
    public void Versions_are_ordered_as_Kubernetes_orders_them() => Assert.Equal(
        ["v11", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"],
        new[] { "v11alpha2", "foo1", "v2", "v10beta3", "v11beta2", "foo10", "v1", "v12alpha1", "v3beta1", "v11" }.Order(KubernetesVersion.NewestFirst));

    [Fact]
    public void The_users_list_is_read_line_by_line_without_blanks()
    {
        var (wanted, mistakes) = VersionChoice.ReadPriorities("rockbands.music.example.io=v2beta1,v2beta2\n\n  orchestras.music.example.io = v2, v3alpha1 \r\nsubscriptions.operators.coreos.com\n=v1\na=b=c\nx.y=\n");
        Assert.Equal(["v2beta1", "v2beta2"], wanted["rockbands.music.example.io"]);
        Assert.Equal(["v2", "v3alpha1"], wanted["orchestras.music.example.io"]);
        Assert.Equal(2, wanted.Count);
        Assert.Equal(["subscriptions.operators.coreos.com", "=v1", "a=b=c", "x.y="], mistakes);
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);
}
