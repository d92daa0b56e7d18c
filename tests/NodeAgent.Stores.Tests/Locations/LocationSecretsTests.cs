using System.Text;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Tests.Locations;

public sealed class LocationSecretsTests
{
    private readonly List<string> _asked = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private LocationSecrets Secrets => new("velero", (name, _) =>
    {
        _asked.Add(name);
        return Task.FromResult<IReadOnlyDictionary<string, string>?>(name == "cloud" ? new Dictionary<string, string>
        {
            ["file"] = Encode("[default]"),
            ["ca"] = Encode("-----BEGIN CERTIFICATE-----"),
            ["key"] = Convert.ToBase64String(new byte[32]),
            ["text"] = "no base64!",
        } : null);
    });

    private static LocationDescription Location(string provider = "aws", params (string Key, string Value)[] config) => new()
    {
        Name = "default",
        Provider = provider,
        Bucket = "shop",
        Config = config.ToDictionary(p => p.Key, p => p.Value),
    };

    [Fact]
    public async Task Credentials_certificates_and_the_customers_key_come_from_the_Secrets_that_are_named()
    {
        var found = await Secrets.CompleteAsync(Location("velero.io/aws", ("customerKeyEncryptionSecret", "cloud/key")), new SecretEntry("cloud", "file"), null, new SecretEntry("cloud", "ca"), Stop);
        Assert.Equal(("[default]", "-----BEGIN CERTIFICATE-----", 32), (found.Credentials, found.CaCertificate, found.CustomerKey.Length));
        found = await Secrets.CompleteAsync(Location(), null, Encode("inline"), null, Stop);
        Assert.Equal(("", "inline", 0), (found.Credentials, found.CaCertificate, found.CustomerKey.Length));
    }

    [Fact]
    public async Task A_directory_needs_no_Secret_and_none_is_asked_for()
    {
        var bare = Location("filesystem");
        Assert.Same(bare, await Secrets.CompleteAsync(bare, new SecretEntry("gone", "file"), null, null, Stop));
        Assert.Empty(_asked);
    }

    [Theory]
    [InlineData("gone", "file", "location default: spec.credential names entry file of Secret gone, which does not exist in namespace velero")]
    [InlineData("cloud", "other", "location default: spec.credential names entry other of Secret cloud, which does not have it")]
    [InlineData("cloud", "text", "location default: spec.credential names entry text of Secret cloud, which is no base64")]
    public async Task What_is_wrong_with_a_Secret_is_told_with_the_field_that_names_it(string secret, string key, string says) =>
        Assert.Equal(says, (await Assert.ThrowsAsync<LocationException>(() => Secrets.CompleteAsync(Location(), new SecretEntry(secret, key), null, null, Stop))).Message);

    [Theory]
    [InlineData("cloud")]
    [InlineData("cloud/")]
    [InlineData("a/b/c")]
    public async Task A_customers_key_is_named_by_Secret_and_entry(string value)
    {
        var error = await Assert.ThrowsAsync<LocationException>(() => Secrets.CompleteAsync(Location("aws", ("customerKeyEncryptionSecret", value)), null, null, null, Stop));
        Assert.Contains($"is \"{value}\" instead of the name of a Secret, a slash", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_is_given_in_one_way()
    {
        var error = await Assert.ThrowsAsync<LocationException>(() => Secrets.CompleteAsync(Location(), null, Encode("x"), new SecretEntry("cloud", "ca"), Stop));
        Assert.Contains("caCert and caCertRef exclude each other", error.Message, StringComparison.Ordinal);
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
