using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Filesystem.Interop;

/// <summary>An open descriptor of anything, mostly of a directory: what every other call is relative to.</summary>
internal sealed class DirectoryHandle() : SafeHandleMinusOneIsInvalid(ownsHandle: true)
{
    public DirectoryHandle(int descriptor)
        : this() => SetHandle(descriptor);

    public int Descriptor => (int)handle;

    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
