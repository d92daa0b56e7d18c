namespace NodeAgent.Repository.Collection;

/// <summary>A bit for each chunk of a census.</summary>
internal sealed class ChunkBits(int count)
{
    private readonly ulong[] _words = new ulong[(count + 63) / 64];

    public bool this[int chunk] => (_words[chunk >> 6] & (1UL << chunk)) != 0;

    public void Set(int chunk) => _words[chunk >> 6] |= 1UL << chunk;

    /// <summary>Whether every chunk that is set in another of the same census is set here.</summary>
    public bool HoldsAll(ChunkBits other)
    {
        for (var i = 0; i < _words.Length; i++)
        {
            if ((other._words[i] & ~_words[i]) != 0) return false;
        }

        return true;
    }

    public void Clear() => Array.Clear(_words);
}
