using System.Runtime.InteropServices;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One call of libargon2, declared here and not borrowed; this one is of its plain interface.</summary>
internal static class PlainArgon2
{
    private const string Library = "libargon2.so.1";

    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Library, out _);

    public static byte[] Derive(byte[] passphrase, byte[] salt, uint memoryKib, uint passes, uint lanes)
    {
        var key = new byte[32];
        var error = Hash(passes, memoryKib, lanes, passphrase, (nuint)passphrase.Length, salt, (nuint)salt.Length, key, (nuint)key.Length);
        return error == 0 ? key : throw new InvalidOperationException($"argon2id_hash_raw failed with {error}");
    }

    [DllImport(Library, EntryPoint = "argon2id_hash_raw")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Hash(
        uint passes, uint memoryKib, uint lanes, byte[] passphrase, nuint passphraseLength, byte[] salt, nuint saltLength, byte[] hash, nuint hashLength);
}
