namespace NodeAgent.Stores.Buckets;

/// <summary>Files that hold something for as long as they are open, and that nobody else may read.</summary>
public static class WorkFile
{
    private const int BufferBytes = 64 * 1024;

    /// <summary>
    /// Makes one in a directory, which is made when it is missing. It loses its name at once, so that nothing stays behind however the process ends. The caller disposes it.
    /// </summary>
    public static FileStream Create(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, $"nodeagent-{Guid.NewGuid():N}");
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Options = FileOptions.Asynchronous,
            BufferSize = BufferBytes,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            File.Delete(path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
