using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Index;

/// <summary>A base that is being written. Disposed before it is published, it leaves nothing behind.</summary>
internal sealed class PendingBase : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly string? _finalPath;
    private readonly byte[] _key;
    private readonly byte[] _repositoryId;
    private string? _path;

    /// <param name="directory">Where it is written.</param>
    /// <param name="finalPath">The name that it gets; null when it is to have none.</param>
    /// <param name="key">Of its checksums.</param>
    /// <param name="repositoryId">Of its header.</param>
    /// <exception cref="IOException">The directory cannot be written.</exception>
    public PendingBase(string directory, string? finalPath, byte[] key, byte[] repositoryId)
    {
        _finalPath = finalPath;
        _key = key;
        _repositoryId = repositoryId;
        _handle = TemporaryFile.Create(directory, out _path);
        Builder = new IndexBaseBuilder(_handle, directory, key, repositoryId);
    }

    public IndexBaseBuilder Builder { get; }

    /// <summary>Completes the file, makes it durable, gives it its name and opens it. The builder has no use after that.</summary>
    /// <inheritdoc cref="IndexBaseBuilder.Complete" path="/param"/>
    public IndexBase Publish(IndexBase? old, Func<BaseSegment, bool> keeps)
    {
        Builder.Complete(old, keeps);
        if (_finalPath is null)
        {
            // Nothing outlives this process, so nothing need reach the disk.
            var unnamed = IndexBase.Open(_path!, _handle, _key, _repositoryId);
            File.Delete(_path!);
            _path = null;
            return unnamed;
        }

        RandomAccess.FlushToDisk(_handle);
        var opened = IndexBase.Open(_finalPath, _handle, _key, _repositoryId);
        File.Move(_path!, _finalPath, overwrite: true);
        _path = null;
        // A name that is lost with the machine's power costs a base, nothing more.
        _ = DurableDirectory.TryFlush(Path.GetDirectoryName(_finalPath)!);
        return opened;
    }

    public void Dispose()
    {
        Builder.Dispose();
        _handle.Dispose();
        if (_path is not null) File.Delete(_path);
    }
}
