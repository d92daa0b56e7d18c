using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>Finds the shared libraries that this assembly imports, under the names that distributions give them.</summary>
internal static class NativeLibraries
{
    private static readonly ConcurrentDictionary<string, nint> Handles = new(StringComparer.Ordinal);

    // .NET takes one resolver per assembly, so both libraries share this one.
    static NativeLibraries() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    /// <summary>Makes sure that the resolver is in place: called from the static constructor of each importing class.</summary>
    public static void Register()
    {
    }

    /// <summary>Whether the library can be loaded. Remembered: a library installed later is seen by the next process.</summary>
    public static bool IsAvailable(string name) => Load(name) != 0;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) => Load(name);

    private static nint Load(string name) => Handles.GetOrAdd(name, static library =>
    {
        foreach (var candidate in Candidates(library))
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
                return handle;
        }

        return 0;
    });

    // Packages for running programs ship the versioned name only; the plain one comes with development packages.
    private static string[] Candidates(string name) => name switch
    {
        LibZstd.Name => ["libzstd.so.1", "libzstd.so", "zstd"],
        LibArgon2.Name => ["libargon2.so.1", "libargon2.so.0", "libargon2.so", "argon2"],
        _ => [],
    };
}
