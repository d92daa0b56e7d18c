using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>Decoded chunks that were used last, up to a number of bytes. Thread-safe.</summary>
internal sealed class ChunkCache(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(ChunkKind, ChunkId), LinkedListNode<(ChunkKind Kind, ChunkId Id, byte[] Content)>> _entries = [];
    private readonly LinkedList<(ChunkKind Kind, ChunkId Id, byte[] Content)> _byUse = new();
    private long _bytes;

    public bool TryGet(ChunkKind kind, ChunkId id, out byte[] content)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue((kind, id), out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                content = node.Value.Content;
                return true;
            }
        }

        content = [];
        return false;
    }

    public void Add(ChunkKind kind, ChunkId id, byte[] content)
    {
        lock (_gate)
        {
            if (content.Length > capacity / 4 || _entries.ContainsKey((kind, id))) return;
            _entries.Add((kind, id), _byUse.AddFirst((kind, id, content)));
            _bytes += content.Length;
            while (_bytes > capacity && _byUse.Last is { } oldest)
            {
                _byUse.RemoveLast();
                _entries.Remove((oldest.Value.Kind, oldest.Value.Id));
                _bytes -= oldest.Value.Content.Length;
            }
        }
    }
}
