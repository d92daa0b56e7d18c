using NodeAgent.Repository.Crypto;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Tests.Locations;

public sealed class RepositoryCredentialsTests
{
    private static readonly string Key = Convert.ToBase64String(new byte[32]);

    [Fact]
    public void The_key_comes_before_the_passphrase()
    {
        using var both = RepositoryCredentials.Read(name => name == RepositoryCredentials.KeyEntry ? Key : "c2VjcmV0");
        using var one = RepositoryCredentials.Read(name => name == RepositoryCredentials.PasswordEntry ? "c2VjcmV0" : null);
        Assert.Equal((RepositorySecretKind.RawKey, RepositorySecretKind.Passphrase), (both.Kind, one.Kind));
    }

    [Theory]
    [InlineData(null, null, "has neither an entry repository-key nor repository-password")]
    [InlineData("***", null, "entry repository-key: it is no base64")]
    [InlineData("c2hvcnQ=", "c2VjcmV0", "entry repository-key: the key file (5 bytes) is not a key")]
    [InlineData(null, "", "entry repository-password: the repository passphrase is empty")]
    public void What_cannot_be_used_is_told_by_its_entry(string? key, string? password, string message) => Assert.Contains(
        message,
        Assert.Throws<LocationException>(() => RepositoryCredentials.Read(name => name == RepositoryCredentials.KeyEntry ? key : password)).Message,
        StringComparison.Ordinal);
}
