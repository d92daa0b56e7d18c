namespace NodeAgent.Repository.Collection;

/// <summary>A bit for each chunk of a census.</summary>
internal sealed class ChunkBits(int count)
{
    private readonly ulong[] _words = new ulong[(count + 63) / 64];

    public bool this[int chunk] => (_words[chunk >> 6] & (1UL << chunk)) != 0;

    public void Set(int chunk) => _words[chunk >> 6] |= 1UL << chunk;

    public void Clear() => Array.Clear(_words);
}
