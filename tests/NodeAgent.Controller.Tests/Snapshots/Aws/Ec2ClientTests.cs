using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Aws;
using NodeAgent.Stores.Aws;

namespace NodeAgent.Controller.Tests.Snapshots.Aws;

public sealed class Ec2ClientTests
{
    private const string Fine = "<DescribeSnapshotsResponse><snapshotSet/></DescribeSnapshotsResponse>";

    [Theory]
    [InlineData(503, "RequestLimitExceeded")]
    [InlineData(500, "InternalError")]
    [InlineData(503, "Unavailable")]
    public async Task What_may_pass_is_tried_again(int status, string code)
    {
        await using var server = new Ec2StandIn(n => n < 3 ? Ec2StandIn.Error(status, code) : Ec2StandIn.Answer(200, Fine));
        using var ec2 = Connect(server);
        await ec2.CallAsync("CreateSnapshot", [new("VolumeId", "vol-1")], TestContext.Current.CancellationToken);
        Assert.Equal(3, server.Requests.Count);
    }

    [Theory]
    [InlineData(400, "InvalidParameterValue")]
    [InlineData(403, "UnauthorizedOperation")]
    public async Task What_stays_wrong_is_said_at_once(int status, string code)
    {
        await using var server = new Ec2StandIn(_ => Ec2StandIn.Error(status, code));
        using var ec2 = Connect(server);
        var e = await Assert.ThrowsAsync<Ec2Exception>(() => ec2.CallAsync("DescribeSnapshots", [], TestContext.Current.CancellationToken));
        Assert.Equal($"DescribeSnapshots: {code}: because", e.Message);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_lost_answer_is_asked_for_again_but_never_makes_a_second_snapshot()
    {
        await using var server = new Ec2StandIn(n => n == 1 ? null : Ec2StandIn.Answer(200, Fine));
        using var ec2 = Connect(server);
        await ec2.CallAsync("DescribeSnapshots", [], TestContext.Current.CancellationToken);
        Assert.Equal(2, server.Requests.Count);

        await using var other = new Ec2StandIn(n => n == 1 ? null : Ec2StandIn.Answer(200, Fine));
        using var second = Connect(other);
        await Assert.ThrowsAsync<SnapshotException>(() => second.CallAsync("CreateSnapshot", [new("VolumeId", "vol-1")], TestContext.Current.CancellationToken));
        Assert.Single(other.Requests);
    }

    [Fact]
    public async Task A_clock_that_is_wrong_is_corrected_by_the_servers()
    {
        await using var server = new Ec2StandIn(n => n == 1 ? Ec2StandIn.Error(400, "RequestExpired") : Ec2StandIn.Answer(200, Fine), TimeSpan.FromDays(2));
        using var ec2 = Connect(server);
        await ec2.CallAsync("DescribeSnapshots", [], TestContext.Current.CancellationToken);
        Assert.Equal(2, server.Requests.Count);
        var day = $"{DateTimeOffset.UtcNow + TimeSpan.FromDays(2):yyyyMMdd}";
        Assert.Contains($"Credential=AKID/{day}/eu-west-1/ec2/aws4_request", server.Requests.Last(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "<html>")]
    [InlineData(200, "not xml")]
    public async Task An_address_that_is_none_of_EC2_is_named(int status, string body)
    {
        await using var server = new Ec2StandIn(_ => Ec2StandIn.Answer(status, body));
        using var ec2 = Connect(server);
        var e = await Assert.ThrowsAsync<Ec2Exception>(() => ec2.CallAsync("DescribeSnapshots", [], TestContext.Current.CancellationToken));
        Assert.Equal($"DescribeSnapshots: {server.Endpoint} answers {status} without saying why; is it the address of EC2?", e.Message);
    }

    [Fact]
    public async Task An_answer_with_a_document_type_is_not_read()
    {
        await using var server = new Ec2StandIn(_ => Ec2StandIn.Answer(200, "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"));
        using var ec2 = Connect(server);
        await Assert.ThrowsAsync<Ec2Exception>(() => ec2.CallAsync("DescribeSnapshots", [], TestContext.Current.CancellationToken));
    }

    private static Ec2Client Connect(Ec2StandIn server) =>
        new(server.Endpoint, "eu-west-1", AwsSigner.Find("", "[default]\naws_access_key_id=AKID\naws_secret_access_key=SECRET"), TimeProvider.System);
}
