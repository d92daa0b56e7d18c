using NodeAgent.Repository.Chunking;

namespace NodeAgent.Repository.Tests.Chunking;

/// <summary>Cuts a stream that arrives in pieces, as a reader of files does: keeps what has not been cut yet.</summary>
internal sealed class StreamChunker(FastCdc cutter)
{
    private readonly List<byte> _pending = [];

    public List<int> Lengths { get; } = [];

    public void Append(ReadOnlySpan<byte> piece)
    {
        foreach (var value in piece)
            _pending.Add(value);
        Cut(isLast: false);
    }

    public void Complete() => Cut(isLast: true);

    private void Cut(bool isLast)
    {
        while (_pending.Count > 0)
        {
            var length = cutter.FindCut(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_pending), isLast);
            if (length < 0)
                return;
            Lengths.Add(length);
            _pending.RemoveRange(0, length);
        }
    }
}
