using System.Text;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

public sealed class SnapshotLocationTests
{
    [Theory]
    [InlineData("""{"provider":"ebs"}""", "snapshot location place: unknown provider \"ebs\"; use one of ")]
    [InlineData("""{"provider":"velero.io/portworx","config":{"type":"nowhere"}}""", "config.type is \"nowhere\" instead of local or cloud")]
    [InlineData("""{"provider":"portworx","config":{"type":"cloud"},"credential":{"name":"gone","key":"cloud"}}""", "spec.credential names entry cloud of Secret gone, which does not exist in namespace velero")]
    [InlineData("""{"provider":"portworx","config":{"type":"cloud"},"credential":{"name":"present","key":"other"}}""", "spec.credential names entry other of Secret present, which does not have it")]
    [InlineData("""{"provider":"portworx","config":{"type":"cloud"},"credential":{"name":"present","key":"odd"}}""", "entry odd of Secret present, which is no base64")]
    [InlineData("""{"provider":"portworx","config":"cloud"}""", "malformed at $.spec.config")]
    [InlineData("""{"provider":"csi","config":{"region":"x"}}""", "config.region is not known to provider csi; known is volumeSnapshotClass")]
    [InlineData("""{"provider":"csi"}""", "the cluster does not serve snapshot.storage.k8s.io/v1; install the VolumeSnapshot definitions and the snapshot controller")]
    public async Task A_location_that_cannot_be_used_says_why(string spec, string message)
    {
        await using var cluster = await SnapshotCluster.StartAsync(new SampleStorage());
        cluster.Api.Add(WellKnownTestKinds.Secrets, """{"metadata":{"name":"present","namespace":"velero"},"data":{"odd":"*"}}""");
        cluster.Api.Add(VeleroResources.VolumeSnapshotLocations, $$"""{"metadata":{"name":"place","namespace":"velero"},"spec":{{spec}} }""");
        var location = await cluster.WaitForPhaseAsync(VeleroResources.VolumeSnapshotLocations, "place", LocationPhase.Unavailable);
        Assert.Contains(message, location.Text("status", "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_location_whose_system_fails_is_unavailable_until_it_works_again()
    {
        var storage = new SampleStorage { Failure = "access denied: the key is not known" };
        await using var cluster = await SnapshotCluster.StartAsync(storage, o => o with { StoreValidationFrequency = TimeSpan.FromMilliseconds(100) });
        cluster.AddSnapshotLocation("place");
        var location = await cluster.WaitForPhaseAsync(VeleroResources.VolumeSnapshotLocations, "place", LocationPhase.Unavailable);
        Assert.Equal("snapshot location place: access denied: the key is not known", location.Text("status", "message"));
        storage.Failure = null;
        location = await cluster.WaitForPhaseAsync(VeleroResources.VolumeSnapshotLocations, "place", LocationPhase.Available);
        Assert.Null(location.Text("status", "message"));
    }

    [Fact]
    public async Task New_keys_in_the_Secret_count_without_a_restart()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        AddSecret("first");
        cluster.AddSnapshotLocation("place", more: ""","credential":{"name":"keys","key":"cloud"}""");
        await cluster.WaitForPhaseAsync(VeleroResources.VolumeSnapshotLocations, "place", LocationPhase.Available);
        await cluster.BackUpAsync("one", """{"includedNamespaces":["shop"]}""");
        Assert.Equal("first", storage.CredentialsSeen.Last());
        AddSecret("second");
        // The location is looked at again by itself, since it was checked with other keys.
        await ControllerFixture.WaitUntilAsync(() => storage.CredentialsSeen.Last() == "second");
        await cluster.BackUpAsync("two", """{"includedNamespaces":["shop"]}""");
        Assert.Equal("second", storage.CredentialsSeen.Last());
        Assert.Equal(2, storage.Snapshots.Count);

        void AddSecret(string content) => cluster.Api.Add(
            WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"keys","namespace":"velero"},"data":{"cloud":"{{{Convert.ToBase64String(Encoding.UTF8.GetBytes(content))}}}"} }""");
    }
}
