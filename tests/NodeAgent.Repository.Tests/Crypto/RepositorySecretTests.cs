using System.Text;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Tests.Crypto;

public sealed class RepositorySecretTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)((i * 37) ^ 0xFB))];

    public static TheoryData<string> TextForms =>
    [
        Convert.ToHexString(Key),
        Convert.ToHexStringLower(Key) + "\n",
        "  " + Convert.ToHexString(Key) + "\r\n",
        Convert.ToBase64String(Key),
        Convert.ToBase64String(Key) + "\n",
        Convert.ToBase64String(Key).TrimEnd('='),
        Convert.ToBase64String(Key).Replace('+', '-').Replace('/', '_'),
    ];

    [Theory]
    [MemberData(nameof(TextForms))]
    public void A_key_file_may_hold_text(string content) => AssertIsKey(Encoding.ASCII.GetBytes(content));

    [Fact]
    public void A_key_file_may_hold_raw_bytes() => AssertIsKey(Key);

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("my passphrase, which is no key at all")]
    [InlineData("zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh!=")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAA==")]
    public void Other_content_is_refused_without_being_quoted(string content)
    {
        var exception = Assert.Throws<InvalidDataException>(() => RepositorySecret.FromKeyFile(Encoding.ASCII.GetBytes(content)));
        Assert.Contains("32 raw bytes, 64 hexadecimal digits or base64", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(content.Length == 0 ? "\n" : content, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_and_endless_passphrases_are_refused()
    {
        Assert.Throws<InvalidDataException>(() => RepositorySecret.FromPassphrase(""));
        Assert.Throws<InvalidDataException>(() => RepositorySecret.FromPassphrase("\r\n"));
        Assert.Throws<InvalidDataException>(() => RepositorySecret.FromPassphrase(new byte[4097]));
    }

    [Fact]
    public void No_text_form_shows_the_secret()
    {
        using RepositorySecret passphrase = RepositorySecret.FromPassphrase("hunter2hunter2");
        Assert.DoesNotContain("hunter2", passphrase.ToString(), StringComparison.Ordinal);
        Assert.Equal(RepositorySecretKind.Passphrase, passphrase.Kind);
        Assert.Equal(typeof(RootKeys).ToString(), RootKeys.Create().ToString());
    }

    [Fact]
    public void A_disposed_secret_wraps_nothing()
    {
        RepositorySecret secret = RepositorySecret.FromKey(Key);
        secret.Dispose();
        using RootKeys keys = RootKeys.Create();
        Assert.Throws<ObjectDisposedException>(() => KeyWrap.Wrap(keys, secret, []));
    }

    private static void AssertIsKey(byte[] content)
    {
        using RepositorySecret expected = RepositorySecret.FromKey(Key);
        using RepositorySecret secret = RepositorySecret.FromKeyFile(content);
        Assert.Equal(RepositorySecretKind.RawKey, secret.Kind);
        using RootKeys keys = RootKeys.Create();
        using RootKeys unwrapped = KeyWrap.Unwrap(KeyWrap.Wrap(keys, expected, []), secret, []);
        Assert.Equal(keys.DataChunkIdKey, unwrapped.DataChunkIdKey);
    }
}
