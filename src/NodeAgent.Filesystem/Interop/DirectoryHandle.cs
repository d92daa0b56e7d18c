using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Filesystem.Interop;

/// <summary>An open directory.</summary>
internal sealed class DirectoryHandle : SafeHandleMinusOneIsInvalid
{
    public DirectoryHandle()
        : base(ownsHandle: true)
    {
    }

    internal DirectoryHandle(nint descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The descriptor's number; valid while this is open.</summary>
    internal int Descriptor => (int)handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.Close(handle) == 0;
}
