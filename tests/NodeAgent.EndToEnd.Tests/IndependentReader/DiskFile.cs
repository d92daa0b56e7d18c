namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>What find, stat and sha256sum say of one file.</summary>
/// <param name="Type">As find's %y: f, d, l, p.</param>
/// <param name="Mode">Octal.</param>
/// <param name="Owner">uid:gid.</param>
/// <param name="Size">Bytes; 0 for what is no regular file.</param>
/// <param name="Modified">Seconds with nine digits of nanoseconds.</param>
/// <param name="Changed">Likewise.</param>
/// <param name="Inode">Decimal.</param>
/// <param name="Links">How many names it has.</param>
/// <param name="Target">Of a symbolic link.</param>
/// <param name="Content">SHA-256 of a regular file, in hexadecimal.</param>
internal sealed record DiskFile(string Type, string Mode, string Owner, long Size, string Modified, string Changed, string Inode, int Links, string Target, string Content)
{
    /// <summary>What an extraction by an ordinary user can bring back.</summary>
    public DiskFile WhatIsRestored() => this with { Owner = "", Changed = "", Inode = "", Links = 0 };
}
