namespace NodeAgent.Repository.Parity;

/// <summary>
/// A systematic Reed-Solomon code over a Cauchy matrix: parity r is the sum over all data j of data[j] / ((128 + r) xor j). Any data blocks that are
/// missing, as many as there are parity blocks, follow from the rest, since every square part of such a matrix can be inverted.
/// </summary>
internal static class ErasureCode
{
    /// <summary>The most data blocks of a stripe; so many parity blocks at most, too.</summary>
    public const int MaxBlocks = 128;

    /// <summary>What data block j is multiplied by for parity block r.</summary>
    public static byte Coefficient(int parity, int data) => GaloisField.Inverse((byte)((MaxBlocks + parity) ^ data));

    /// <summary>
    /// What recovers missing data blocks from as many sums: a sum is a parity block less what the data blocks that are there contribute to it.
    /// Row k tells the factors of the sums that add up to the missing block k.
    /// </summary>
    public static byte[][] Recovery(IReadOnlyList<int> missing, IReadOnlyList<int> parities)
    {
        var size = missing.Count;
        var rows = new byte[size][];
        for (var i = 0; i < size; i++)
        {
            // The matrix, and beside it the unit matrix, which becomes the inverse.
            rows[i] = new byte[2 * size];
            for (var k = 0; k < size; k++) rows[i][k] = Coefficient(parities[i], missing[k]);
            rows[i][size + i] = 1;
        }

        for (var column = 0; column < size; column++)
        {
            var pivot = Array.FindIndex(rows, column, row => row[column] != 0);
            (rows[column], rows[pivot]) = (rows[pivot], rows[column]);
            var factor = GaloisField.Inverse(rows[column][column]);
            for (var k = 0; k < 2 * size; k++) rows[column][k] = GaloisField.Multiply(rows[column][k], factor);
            for (var i = 0; i < size; i++)
            {
                if (i != column) GaloisKernel.MultiplyAdd(rows[i][column], rows[column], rows[i]);
            }
        }

        return [.. rows.Select(row => row[size..])];
    }
}
