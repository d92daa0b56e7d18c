using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Tests.Locations;

public sealed class LocationProvidersTests
{
    private static LocationDescription Location(string provider = "filesystem", string? path = "/srv/backups", string bucket = "", string prefix = "") => new()
    {
        Name = "default",
        Provider = provider,
        Bucket = bucket,
        Prefix = prefix,
        Config = path is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["path"] = path },
    };

    [Theory]
    [InlineData("", "", "/srv/backups")]
    [InlineData("shop", "", "/srv/backups/shop")]
    [InlineData("shop", "/a/b/", "/srv/backups/shop/a/b")]
    [InlineData("", "a", "/srv/backups/a")]
    public void The_directory_is_the_path_then_the_bucket_then_the_prefix(string bucket, string prefix, string expected) =>
        Assert.Equal(expected, LocationProviders.DirectoryOf(Location(bucket: bucket, prefix: prefix)));

    [Fact]
    public void A_provider_may_carry_a_domain() =>
        Assert.Equal("/srv/backups", LocationProviders.DirectoryOf(Location("velero.io/filesystem")));

    [Fact]
    public void An_unknown_provider_is_refused_with_the_known_ones()
    {
        var error = Assert.Throws<LocationException>(() => LocationProviders.DirectoryOf(Location("floppy")));
        Assert.Contains("\"floppy\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("filesystem", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "config.path")]
    [InlineData("", "config.path")]
    [InlineData("relative/dir", "not absolute")]
    public void A_missing_or_relative_path_is_refused(string? path, string says) =>
        Assert.Contains(says, Assert.Throws<LocationException>(() => LocationProviders.DirectoryOf(Location(path: path))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("..", "")]
    [InlineData("", "../../etc")]
    [InlineData("", "a/./b")]
    public void A_bucket_or_prefix_cannot_leave_the_path(string bucket, string prefix) =>
        Assert.Throws<LocationException>(() => LocationProviders.DirectoryOf(Location(bucket: bucket, prefix: prefix)));
}
