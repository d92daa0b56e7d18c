namespace NodeAgent.Repository.Parity;

/// <summary>
/// How an object is cut for parity. Block i belongs to stripe i modulo the number of stripes, so that neighbours belong to different ones and a damaged
/// region takes little of each.
/// </summary>
/// <param name="Length">Bytes of the object.</param>
/// <param name="BlockLength">Bytes of a block; the last one of the object may be shorter and counts as filled up with zeros.</param>
/// <param name="Stripes">How many codes there are.</param>
/// <param name="Data">Data blocks of a stripe at most.</param>
/// <param name="Parity">Parity blocks of each stripe.</param>
internal sealed record ParityLayout(int Length, int BlockLength, int Stripes, int Data, int Parity)
{
    public const int MinPercent = 1;
    public const int MaxPercent = 50;

    /// <summary>A longer object is protected by nothing: none is written.</summary>
    public const int MaxLength = 512 << 20;

    /// <summary>What disks lose is sectors.</summary>
    public const int MaxBlockLength = 4096;
    public const int BlockStep = 64;

    /// <summary>Two at least: then one bad sector leaves one to spare in the smallest object.</summary>
    private const int LeastParity = 2;

    public int Blocks => (Length + BlockLength - 1) / BlockLength;

    public int ParityBlocks => Stripes * Parity;

    public int ParityBytes => ParityBlocks * BlockLength;

    public static ParityLayout For(int length, int percent)
    {
        if (length is < 1 or > MaxLength) throw new ArgumentOutOfRangeException(nameof(length));
        if (percent is < MinPercent or > MaxPercent) throw new ArgumentOutOfRangeException(nameof(percent));
        var block = Math.Min(MaxBlockLength, (length + BlockStep - 1) / BlockStep * BlockStep);
        var blocks = (length + block - 1) / block;
        var stripes = (blocks + ErasureCode.MaxBlocks - 1) / ErasureCode.MaxBlocks;
        var data = (blocks + stripes - 1) / stripes;
        return new ParityLayout(length, block, stripes, data, Math.Max(LeastParity, ((data * percent) + 99) / 100));
    }

    /// <summary>What is wrong with one that was read; null when it can be used.</summary>
    public string? Check()
    {
        if (Length is < 1 or > MaxLength) return $"it is of an object of {Length} bytes, which is outside 1 to {MaxLength}";
        if (BlockLength is < BlockStep or > MaxBlockLength || BlockLength % BlockStep != 0) return $"its blocks have {BlockLength} bytes, which is no multiple of {BlockStep} up to {MaxBlockLength}";
        if (Data is < 1 or > ErasureCode.MaxBlocks || Parity is < 1 or > ErasureCode.MaxBlocks) return $"its stripes have {Data} and {Parity} blocks, which is outside 1 to {ErasureCode.MaxBlocks}";
        if ((long)Stripes * Parity * BlockLength > (2L * Length) + (1 << 20)) return $"its parity has more than twice the {Length} bytes of the object";
        return Stripes < 1 || Stripes > Blocks || (long)Stripes * Data < Blocks ? $"{Stripes} stripes of {Data} blocks do not hold {Blocks}" : null;
    }

    /// <summary>Bytes of a block of the object.</summary>
    public int LengthOf(int block) => Math.Min(BlockLength, Length - (block * BlockLength));

    /// <summary>A stripe's block j as a block of the object; it may be past the end, and is then all zeros.</summary>
    public int BlockOf(int stripe, int data) => stripe + (data * Stripes);
}
