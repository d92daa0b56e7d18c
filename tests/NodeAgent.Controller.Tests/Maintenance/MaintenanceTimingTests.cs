using System.Text.Json.Nodes;
using NodeAgent.Controller.Maintenance;

namespace NodeAgent.Controller.Tests.Maintenance;

public sealed class MaintenanceTimingTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Own = TimeSpan.FromHours(24);

    [Theory]
    [InlineData("a new one is given its first period", """{"metadata":{"creationTimestamp":"2026-03-01T11:00:00Z"},"spec":{"maintenanceFrequency":"2h"}}""", 60)]
    [InlineData("0 is as the server has it", """{"metadata":{"creationTimestamp":"2026-03-01T11:00:00Z"},"spec":{"maintenanceFrequency":"0s"}}""", 23 * 60)]
    [InlineData("what is no duration is too", """{"metadata":{"creationTimestamp":"2026-03-01T11:00:00Z"},"spec":{"maintenanceFrequency":"often"}}""", 23 * 60)]
    [InlineData("counted from the start of the last run", """{"spec":{"maintenanceFrequency":"2h"},"status":{"lastMaintenanceTime":"2026-03-01T11:50:00Z","recentMaintenance":[{"result":"Succeeded","startTimestamp":"2026-03-01T11:30:00Z"}]}}""", 90)]
    [InlineData("or its end, where nothing more is known", """{"spec":{"maintenanceFrequency":"2h"},"status":{"lastMaintenanceTime":"2026-03-01T11:50:00Z"}}""", 110)]
    [InlineData("overdue is due at once", """{"spec":{"maintenanceFrequency":"1h"},"status":{"lastMaintenanceTime":"2026-03-01T08:00:00Z"}}""", -180)]
    [InlineData("a failed one is tried after an hour", """{"spec":{"maintenanceFrequency":"24h"},"status":{"recentMaintenance":[{"result":"Succeeded","startTimestamp":"2026-02-28T11:30:00Z"},{"result":"Failed","startTimestamp":"2026-03-01T11:30:00Z"}]}}""", 30)]
    [InlineData("or when it is due anyway", """{"spec":{"maintenanceFrequency":"40m"},"status":{"recentMaintenance":[{"result":"Failed","startTimestamp":"2026-03-01T11:30:00Z"}]}}""", 10)]
    [InlineData("a request is due at once", """{"metadata":{"annotations":{"nodeagent.io/maintenance-requested":"now"}},"spec":{"maintenanceFrequency":"24h"},"status":{"lastMaintenanceTime":"2026-03-01T11:50:00Z"}}""", 0)]
    [InlineData("of a suspended one too", """{"metadata":{"annotations":{"nodeagent.io/maintenance-suspended":"true","nodeagent.io/maintenance-requested":""}},"spec":{"maintenanceFrequency":"24h"}}""", 0)]
    public void When_a_repository_is_due(string why, string repository, int minutes) =>
        Assert.True(TimeSpan.FromMinutes(minutes) == MaintenanceTiming.UntilDue((JsonObject)JsonNode.Parse(repository)!, Own, Now), why);

    [Fact]
    public void A_suspended_one_is_never_due()
    {
        const string Repository = """{"metadata":{"annotations":{"nodeagent.io/maintenance-suspended":"true"}},"spec":{"maintenanceFrequency":"1h"},"status":{"lastMaintenanceTime":"2020-03-01T11:00:00Z"}}""";
        Assert.Null(MaintenanceTiming.UntilDue((JsonObject)JsonNode.Parse(Repository)!, Own, Now));
    }
}
