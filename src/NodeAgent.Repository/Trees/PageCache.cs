using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>The plaintext of the pages used last, bounded in bytes. Thread-safe.</summary>
internal sealed class PageCache(long capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ChunkId, LinkedListNode<(ChunkId Id, ReadOnlyMemory<byte> Bytes)>> _nodes = [];
    private readonly LinkedList<(ChunkId Id, ReadOnlyMemory<byte> Bytes)> _order = new();
    private long _size;

    public bool TryGet(ChunkId id, out ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            if (!_nodes.TryGetValue(id, out var node))
            {
                bytes = default;
                return false;
            }
            _order.Remove(node);
            _order.AddFirst(node);
            bytes = node.Value.Bytes;
            return true;
        }
    }

    public void Add(ChunkId id, ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            if (bytes.Length > capacity || _nodes.ContainsKey(id))
                return;
            _nodes.Add(id, _order.AddFirst((id, bytes)));
            _size += bytes.Length;
            while (_size > capacity)
            {
                var oldest = _order.Last!;
                _order.RemoveLast();
                _nodes.Remove(oldest.Value.Id);
                _size -= oldest.Value.Bytes.Length;
            }
        }
    }
}
