namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>What a repository is opened with.</summary>
/// <param name="Kind">1 a raw key, 2 a passphrase.</param>
/// <param name="Value">Its bytes.</param>
internal sealed record PlainSecret(byte Kind, byte[] Value)
{
    public static PlainSecret Key(byte[] key) => new(1, key);

    public static PlainSecret Passphrase(byte[] passphrase) => new(2, passphrase);

    /// <summary>The key that unwraps root keys; the wrap gives salt and cost.</summary>
    public byte[] WrappingKey(byte[] salt, uint memoryKib, uint passes, uint lanes) =>
        Kind == 1
            ? PlainBlake3.Derive(PlainKeys.Context + "raw key wrap", [.. Value, .. salt])
            : PlainArgon2.Derive(Value, salt, memoryKib, passes, lanes);
}
