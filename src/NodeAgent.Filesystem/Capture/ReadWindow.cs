namespace NodeAgent.Filesystem.Capture;

/// <summary>A part of a file in memory. It goes back for the next part when neither its reader nor any chunk that lies in it needs it.</summary>
internal sealed class ReadWindow(byte[] bytes, Action<byte[]> back)
{
    private int _users = 1;

    public byte[] Bytes => bytes;

    /// <summary>One more that needs it.</summary>
    public void Share() => Interlocked.Increment(ref _users);

    /// <summary>One less.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0) back(bytes);
    }
}
