using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Interop;

/// <summary>The kernel's struct statx, the same on every architecture.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    internal const uint HasBirthTime = 0x800;

    [FieldOffset(0)] internal uint Mask;
    [FieldOffset(16)] internal uint Links;
    [FieldOffset(20)] internal uint UserId;
    [FieldOffset(24)] internal uint GroupId;
    [FieldOffset(28)] internal ushort Mode;
    [FieldOffset(32)] internal ulong Inode;
    [FieldOffset(40)] internal long Size;
    [FieldOffset(80)] internal long BirthSeconds;
    [FieldOffset(88)] internal uint BirthNanoseconds;
    [FieldOffset(96)] internal long ChangedSeconds;
    [FieldOffset(104)] internal uint ChangedNanoseconds;
    [FieldOffset(112)] internal long ModifiedSeconds;
    [FieldOffset(120)] internal uint ModifiedNanoseconds;
    [FieldOffset(128)] internal uint SpecialMajor;
    [FieldOffset(132)] internal uint SpecialMinor;
    [FieldOffset(136)] internal uint DeviceMajor;
    [FieldOffset(140)] internal uint DeviceMinor;

    /// <summary>The file type bits of the mode.</summary>
    internal readonly int Type => Mode & 0xF000;

    /// <summary>The 12 permission bits.</summary>
    internal readonly uint Permissions => Mode & 0xFFFu;

    internal readonly ulong Device => ((ulong)DeviceMajor << 32) | DeviceMinor;
}
