namespace NodeAgent.Repository.Parity;

/// <summary>Arithmetic in the field of 256 elements modulo x^8 + x^4 + x^3 + x^2 + 1.</summary>
internal static class GaloisField
{
    private const int Polynomial = 0x11d;

    private static readonly byte[] Powers = new byte[510];
    private static readonly byte[] Logarithms = new byte[256];

    static GaloisField()
    {
        var value = 1;
        for (var i = 0; i < 255; i++)
        {
            // Twice, so that a sum of two logarithms needs no reduction.
            Powers[i] = Powers[i + 255] = (byte)value;
            Logarithms[value] = (byte)i;
            value <<= 1;
            if (value > 255) value ^= Polynomial;
        }
    }

    public static byte Multiply(byte a, byte b) => a == 0 || b == 0 ? (byte)0 : Powers[Logarithms[a] + Logarithms[b]];

    /// <summary>What gives 1 when it is multiplied by a value that is not 0.</summary>
    public static byte Inverse(byte value) => value == 0 ? throw new DivideByZeroException() : Powers[255 - Logarithms[value]];
}
