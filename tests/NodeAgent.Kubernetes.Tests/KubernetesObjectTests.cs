using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Tests;

public sealed class KubernetesObjectTests
{
    [Fact]
    public void Metadata_is_read_and_the_rest_survives_a_round_trip()
    {
        const string Text = """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"7","creationTimestamp":"2026-01-31T13:00:00+01:00","deletionTimestamp":"2026-01-31T12:30:00Z","labels":{"a":"1"},"annotations":{"b":"2"},"finalizers":["f"],"ownerReferences":[{"apiVersion":"v1","kind":"Owner","name":"o","uid":"x","controller":true}]},"spec":{"n":1.50,"big":12345678901234567890},"other":null}
            """;
        var item = JsonSerializer.Deserialize(Text, KubernetesJsonContext.Default.KubernetesObject)!;
        Assert.Equal(("apps/v1", "Deployment", "web", "shop", "u", "7"), (item.ApiVersion, item.Kind, item.Name, item.Namespace, item.Uid, item.ResourceVersion));
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), item.CreationTimestamp);
        Assert.Equal(30, item.DeletionTimestamp!.Value.Minute);
        Assert.Equal(("1", "2", "f"), (item.Labels["a"], item.Annotations["b"], Assert.Single(item.Finalizers)));
        Assert.Equal(new OwnerReference { ApiVersion = "v1", Kind = "Owner", Name = "o", Uid = "x", Controller = true }, Assert.Single(item.OwnerReferences));
        var written = JsonSerializer.Serialize(item, KubernetesJsonContext.Default.KubernetesObject);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Text), JsonNode.Parse(written)), written);
        // Numbers keep their digits, which no number type would.
        Assert.Contains("1.50,\"big\":12345678901234567890", written, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"metadata":null}""")]
    [InlineData("""{"metadata":5,"kind":[],"apiVersion":{}}""")]
    [InlineData("""{"metadata":{"name":7,"labels":[],"annotations":{"a":5},"finalizers":{},"ownerReferences":[5],"creationTimestamp":"noon"}}""")]
    public void Metadata_of_another_shape_counts_as_absent(string text)
    {
        var item = new KubernetesObject(JsonNode.Parse(text)!.AsObject());
        Assert.Equal(("", "", "", "", ""), (item.Kind, item.ApiVersion, item.Name, item.Namespace, item.ResourceVersion));
        Assert.Empty(item.Labels);
        Assert.Empty(item.Annotations);
        Assert.Empty(item.Finalizers);
        Assert.Empty(item.OwnerReferences);
        Assert.Null(item.CreationTimestamp);
    }

    [Fact]
    public void A_clone_is_independent()
    {
        var item = new KubernetesObject(KubernetesResources.Pods, "shop", "web");
        item.DeepClone().Json["metadata"]!["name"] = "other";
        Assert.Equal("web", item.Name);
    }

    [Fact]
    public void A_lease_has_its_times_in_microseconds()
    {
        var lease = new Lease { Spec = new LeaseSpec { RenewTime = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero).AddTicks(1234567) } };
        var text = JsonSerializer.Serialize(lease, KubernetesJsonContext.Default.Lease);
        Assert.Contains("\"renewTime\":\"2026-01-31T12:00:00.123456Z\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("acquireTime", text, StringComparison.Ordinal);
        Assert.Equal(lease.Spec.RenewTime!.Value.AddTicks(-7), JsonSerializer.Deserialize(text, KubernetesJsonContext.Default.Lease)!.Spec.RenewTime);
    }
}
