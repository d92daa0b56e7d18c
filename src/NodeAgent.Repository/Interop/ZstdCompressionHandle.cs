using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>Owns a native compression context of libzstd.</summary>
internal sealed class ZstdCompressionHandle : SafeHandle
{
    public ZstdCompressionHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    public static ZstdCompressionHandle Create()
    {
        var created = new ZstdCompressionHandle();
        created.SetHandle(LibZstd.CreateCompression());
        if (!created.IsInvalid)
            return created;
        created.Dispose();
        throw new InsufficientMemoryException("libzstd could not allocate a compression context");
    }

    protected override bool ReleaseHandle()
    {
        _ = LibZstd.FreeCompression(handle);
        return true;
    }
}
