using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots.Csi;

namespace NodeAgent.Controller.Tests.Snapshots.Csi;

public sealed class SnapshotClassesTests
{
    private const string Plain = """{"metadata":{"name":"plain"},"driver":"d"}""";
    private const string Other = """{"metadata":{"name":"other"},"driver":"d"}""";
    private const string Labelled = """{"metadata":{"name":"labelled","labels":{"velero.io/csi-volumesnapshot-class":"true"}},"driver":"d"}""";
    private const string Default = """{"metadata":{"name":"default","annotations":{"snapshot.storage.kubernetes.io/is-default-class":"true"}},"driver":"d"}""";
    private const string NoDefault = """{"metadata":{"name":"no-default","annotations":{"snapshot.storage.kubernetes.io/is-default-class":"false"}},"driver":"d"}""";
    private const string Foreign = """{"metadata":{"name":"foreign","labels":{"velero.io/csi-volumesnapshot-class":"true"}},"driver":"x"}""";

    [Theory]
    [InlineData("plain", "", "", Foreign, Plain)]
    [InlineData("labelled", "", "", Plain, Labelled, Default, Foreign)]
    [InlineData("default", "", "", Plain, Default, Foreign)]
    [InlineData(null, "", "", Plain, Other)]
    [InlineData(null, "", "", Plain, NoDefault)]
    [InlineData(null, "", "", Foreign)]
    [InlineData("plain", "plain", "default", Plain, Labelled, Default)]
    [InlineData("default", "", "Default", Plain, Labelled, Default)]
    [InlineData("labelled", "gone", "", Plain, Labelled)]
    [InlineData("other", "foreign", "other", Plain, Other, Foreign)]
    public void A_class_is_found_by_name_by_label_as_the_default_or_as_the_only_one(string? expected, string claims, string backups, params string[] classes)
    {
        var warnings = new List<string>();
        var found = new SnapshotClasses([.. classes.Select(c => (JsonObject)JsonNode.Parse(c)!)]).Choose("d", [("the claim", claims), ("the backup", backups)], warnings.Add);
        Assert.Equal(expected, found?.Name());
        Assert.Equal(claims is "gone" or "foreign" ? 1 : 0, warnings.Count);
    }
}
