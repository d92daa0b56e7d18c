using System.Xml.Linq;
using NodeAgent.Controller.Snapshots.Aws;
using NodeAgent.Stores.Aws;

namespace NodeAgent.Controller.Tests.Snapshots.Aws;

/// <summary>The EC2 server that <c>tests/services/ec2-server</c> starts, which checks signatures; without it the test is skipped by name.</summary>
internal static class Ec2Server
{
    public const string Region = "eu-west-1";

    private const string HowToGetIt = "no EC2 server: eval \"$(tests/services/ec2-server up --tests)\" starts one (docs/testing.md)";

    public static Uri Endpoint => new(Get("EC2_ENDPOINT"));

    /// <summary>A credentials file as a user puts it into a Secret.</summary>
    public static string Credentials(string user = "EC2") => $"[default]\naws_access_key_id={Get($"{user}_ACCESS_KEY_ID")}\naws_secret_access_key={Get($"{user}_SECRET_ACCESS_KEY")}\n";

    /// <summary>The settings of a location on it.</summary>
    public static string Config(string region = Region) => $$"""{"region":"{{region}}","ec2Url":"{{Endpoint}}"}""";

    public static Ec2Client Connect(string region = Region) => new(Endpoint, region, AwsSigner.Find("", Credentials()), TimeProvider.System);

    public static async Task<string> CreateVolumeAsync(string type = "gp3", int? iops = null, string zone = Region + "a", string tag = "none")
    {
        using var ec2 = Connect();
        List<KeyValuePair<string, string>> parameters =
        [
            new("AvailabilityZone", zone), new("Size", "100"), new("VolumeType", type),
            new("TagSpecification.1.ResourceType", "volume"), new("TagSpecification.1.Tag.1.Key", "team"), new("TagSpecification.1.Tag.1.Value", tag),
            new("TagSpecification.1.Tag.2.Key", "velero.io/backup"), new("TagSpecification.1.Tag.2.Value", "of long ago"),
        ];
        if (iops is { } count) parameters.Add(new("Iops", $"{count}"));
        return Text(await ec2.CallAsync("CreateVolume", parameters, CancellationToken.None), "volumeId")!;
    }

    /// <summary>The snapshot or volume of that id, or null.</summary>
    public static async Task<XElement?> FindAsync(string kind, string id)
    {
        using var ec2 = Connect();
        try
        {
            var answer = await ec2.CallAsync($"Describe{kind}s", [new($"{kind}Id.1", id)], CancellationToken.None);
            return answer.Descendants().FirstOrDefault(e => e.Name.LocalName == "item" && Text(e, $"{char.ToLowerInvariant(kind[0])}{kind[1..]}Id") == id);
        }
        catch (Ec2Exception e) when (e.Code.EndsWith(".NotFound", StringComparison.Ordinal))
        {
            return null;
        }
    }

    public static string? Text(XElement? element, string name) => element?.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value;

    public static Dictionary<string, string> Tags(XElement? element) =>
        element!.Elements().Single(e => e.Name.LocalName == "tagSet").Elements().ToDictionary(t => Text(t, "key")!, t => Text(t, "value")!);

    private static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable("NODEAGENT_TEST_" + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }
}
