namespace NodeAgent.Stores.Buckets;

/// <summary>Files that hold something for as long as they are open, and that nobody else may read.</summary>
public static class WorkFile
{
    /// <summary>Makes one in a directory, which is made when it is missing. The caller disposes it.</summary>
    public static FileStream Create(string directory)
    {
        Directory.CreateDirectory(directory);
        return new FileStream(Path.Combine(directory, $"nodeagent-{Guid.NewGuid():N}"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }
}
