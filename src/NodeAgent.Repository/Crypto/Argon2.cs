using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Crypto;

/// <summary>Argon2id of RFC 9106, version 0x13, by the system's libargon2.</summary>
public static unsafe class Argon2
{
    /// <summary>Whether libargon2 can be loaded.</summary>
    public static bool IsAvailable => NativeLibraries.IsAvailable(LibArgon2.Name);

    /// <summary>Fills <paramref name="output"/> from a passphrase and a salt of at least 8 bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The cost is out of bounds; nothing was allocated.</exception>
    /// <exception cref="DllNotFoundException">libargon2 is not installed; the message says how to get it.</exception>
    /// <exception cref="InsufficientMemoryException">The memory that the cost asks for cannot be had.</exception>
    public static void DeriveKey(ReadOnlySpan<byte> passphrase, ReadOnlySpan<byte> salt, Argon2Parameters parameters, Span<byte> output) =>
        DeriveKey(passphrase, salt, [], [], parameters, output);

    internal static void DeriveKey(
        ReadOnlySpan<byte> passphrase, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> associatedData,
        Argon2Parameters parameters, Span<byte> output)
    {
        if (!parameters.IsWithinBounds)
            throw new ArgumentOutOfRangeException(nameof(parameters), parameters, "Argon2id cost is out of bounds");
        if (!IsAvailable)
            throw new DllNotFoundException("libargon2, which passphrases need, is not installed: apt-get install libargon2-1 (Debian, Ubuntu), dnf install libargon2 (Fedora) or apk add argon2-libs (Alpine); or use a raw 32-byte key");

        int result;
        fixed (byte* outputPointer = output)
        fixed (byte* passphrasePointer = passphrase)
        fixed (byte* saltPointer = salt)
        fixed (byte* secretPointer = secret)
        fixed (byte* associatedDataPointer = associatedData)
        {
            var context = new Argon2Context
            {
                Output = (nint)outputPointer,
                OutputLength = (uint)output.Length,
                Password = (nint)passphrasePointer,
                PasswordLength = (uint)passphrase.Length,
                Salt = (nint)saltPointer,
                SaltLength = (uint)salt.Length,
                Secret = (nint)secretPointer,
                SecretLength = (uint)secret.Length,
                AssociatedData = (nint)associatedDataPointer,
                AssociatedDataLength = (uint)associatedData.Length,
                Iterations = parameters.Iterations,
                MemoryKib = parameters.MemoryKib,
                Lanes = parameters.Parallelism,
                Threads = parameters.Parallelism,
                Version = LibArgon2.Version13,
            };
            result = LibArgon2.Run(ref context, LibArgon2.TypeId);
        }

        if (result == LibArgon2.ErrorMemoryAllocation)
            throw new InsufficientMemoryException($"Argon2id needs {parameters.MemoryKib >> 10} MiB of memory, which cannot be had; raise the memory limit, or use a raw 32-byte key");
        if (result != 0)
            throw new InvalidOperationException($"Argon2id failed: {LibArgon2.ErrorMessage(result)}");
    }
}
