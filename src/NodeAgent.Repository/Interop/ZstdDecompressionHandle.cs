using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>Owns a native decompression context of libzstd.</summary>
internal sealed class ZstdDecompressionHandle : SafeHandle
{
    public ZstdDecompressionHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    public static ZstdDecompressionHandle Create()
    {
        var created = new ZstdDecompressionHandle();
        created.SetHandle(LibZstd.CreateDecompression());
        if (!created.IsInvalid)
            return created;
        created.Dispose();
        throw new InsufficientMemoryException("libzstd could not allocate a decompression context");
    }

    protected override bool ReleaseHandle()
    {
        _ = LibZstd.FreeDecompression(handle);
        return true;
    }
}
