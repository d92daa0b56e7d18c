namespace NodeAgent.Repository.Chunking;

/// <summary>
/// Finds where a chunk ends from its content alone: FastCDC with normalised chunking over a keyed 64-bit gear hash.
/// Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// a = log2(average); hard = top (a + normalization) bits set; easy = top (a - normalization) bits set
/// H(n) = sum for i = 0..63 of table[data[n - 1 - i]] &lt;&lt; i, modulo 2^64       (covers bytes n - 64 .. n - 1)
///
/// cut(data):                            data starts where the chunk starts and ends where the stream ends
///   for n = minimum .. min(length(data), maximum) - 1:
///     if n &lt; average and H(n) AND hard = 0: return n
///     if n &gt;= average and H(n) AND easy = 0: return n
///   return min(length(data), maximum)
/// </code>
/// A chunk of length n holds bytes 0 .. n - 1, so the first length tested is the minimum itself and the hash looks at
/// the last 64 bytes that are inside the chunk. It never reaches back before the chunk's start (minimum >= 64) nor
/// remembers the previous cut: whether a position can be a cut depends on the 64 bytes before it and on nothing else.
/// The high bits are tested because bit k of a gear hash depends on the last k + 1 bytes only.
/// </remarks>
public sealed class FastCdc
{
    /// <summary>Number of bytes that decide whether a position is a cut: each shift by one drops the oldest byte's bit.</summary>
    public const int WindowSize = 64;

    private readonly GearTable _table;
    private readonly ulong _hardMask;
    private readonly ulong _easyMask;

    /// <exception cref="ArgumentException">The parameters are not usable; the message holds all reasons.</exception>
    public FastCdc(GearTable table, ChunkerParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(parameters);
        IReadOnlyList<string> errors = parameters.Validate();
        if (errors.Count > 0)
            throw new ArgumentException(string.Join("; ", errors), nameof(parameters));
        _table = table;
        Parameters = parameters;
        _hardMask = ulong.MaxValue << (64 - parameters.HardBits);
        _easyMask = ulong.MaxValue << (64 - parameters.EasyBits);
    }

    /// <summary>The sizes that this instance cuts by.</summary>
    public ChunkerParameters Parameters { get; }

    /// <summary>
    /// Returns the length of the chunk that starts at <paramref name="data"/>[0], or -1 when more data must be seen first.
    /// </summary>
    /// <param name="data">The stream from the chunk's start on: as much as is at hand. Bytes past the maximum size are not read.</param>
    /// <param name="isLast">No byte follows <paramref name="data"/>; then the answer is never -1 (and 0 for empty data).</param>
    /// <remarks>
    /// After -1 the scan starts over with the longer window, so give at least the maximum size at once where speed matters:
    /// then the answer is never -1 either.
    /// </remarks>
    public int FindCut(ReadOnlySpan<byte> data, bool isLast)
    {
        var whole = isLast || data.Length >= Parameters.MaxSize;
        var limit = Math.Min(data.Length, Parameters.MaxSize);

        // Length n can be tested once n bytes are here. At the end of the stream n = length is a cut anyway.
        var tested = whole ? limit : limit + 1;
        var n = Parameters.MinSize;
        if (n < tested)
        {
            ulong hash = 0;
            for (var i = n - WindowSize; i < n; i++)
                hash = (hash << 1) + _table.Values[data[i]];
            while (true)
            {
                if ((hash & (n < Parameters.AverageSize ? _hardMask : _easyMask)) == 0)
                    return n;
                n++;
                if (n >= tested)
                    break;
                hash = (hash << 1) + _table.Values[data[n - 1]];
            }
        }

        return whole ? limit : -1;
    }
}
