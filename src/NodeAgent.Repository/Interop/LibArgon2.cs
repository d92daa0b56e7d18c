using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>What is used of argon2.h.</summary>
internal static partial class LibArgon2
{
    public const string Name = "argon2";

    public const int TypeId = 2;
    public const uint Version13 = 0x13;

    /// <summary>ARGON2_MEMORY_ALLOCATION_ERROR of argon2.h.</summary>
    public const int ErrorMemoryAllocation = -22;

    static LibArgon2() => NativeLibraries.Register();

    [LibraryImport(Name, EntryPoint = "argon2_ctx")]
    public static partial int Run(ref Argon2Context context, int type);

    public static string ErrorMessage(int code) => Marshal.PtrToStringUTF8(GetErrorMessage(code)) ?? "unknown error";

    [LibraryImport(Name, EntryPoint = "argon2_error_message")]
    private static partial nint GetErrorMessage(int code);
}
