using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>What a regular file is at one moment, as far as that can change and an entry says it.</summary>
internal readonly record struct FileMoment(uint Mode, uint UserId, uint GroupId, FileTimestamp Modified, FileTimestamp Changed)
{
    public static FileMoment Of(in FileStatus status) => new(status.Permissions, status.UserId, status.GroupId, status.Modified, status.Changed);

    /// <summary>The moment of content that may be of several: whoever was not to read the last of it is not to read any. The times stay the first, so that it is read again.</summary>
    public FileMoment WithAccessOf(in FileStatus later) => this with { Mode = later.Permissions, UserId = later.UserId, GroupId = later.GroupId };
}
