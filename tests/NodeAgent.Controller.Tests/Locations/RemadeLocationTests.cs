using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Locations;

public sealed class RemadeLocationTests
{
    [Fact]
    public async Task A_location_that_is_made_again_as_it_was_is_looked_at_although_it_is_never_checked_by_the_clock()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var location = $$$"""
            {"metadata":{"name":"second","namespace":"velero"},"spec":{"provider":"filesystem","validationFrequency":"0s","config":{"path":"{{{cluster.LocationPath}}}"},"objectStorage":{"bucket":"second"} } }
            """;
        for (var round = 0; round < 2; round++)
        {
            cluster.Api.Add(VeleroResources.BackupStorageLocations, location);
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "second", LocationPhase.Available);
            cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", "second");
        }
    }
}
