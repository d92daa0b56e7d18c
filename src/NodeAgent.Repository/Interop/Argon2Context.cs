using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>argon2_context of argon2.h, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Argon2Context
{
    public nint Output;
    public uint OutputLength;
    public nint Password;
    public uint PasswordLength;
    public nint Salt;
    public uint SaltLength;
    public nint Secret;
    public uint SecretLength;
    public nint AssociatedData;
    public uint AssociatedDataLength;
    public uint Iterations;
    public uint MemoryKib;
    public uint Lanes;
    public uint Threads;
    public uint Version;
    public nint Allocate;
    public nint Free;
    public uint Flags;
}
