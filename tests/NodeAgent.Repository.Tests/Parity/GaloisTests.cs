using NodeAgent.Repository.Parity;

namespace NodeAgent.Repository.Tests.Parity;

public sealed class GaloisTests
{
    [Fact]
    public void Every_product_is_that_of_the_polynomials_and_every_value_but_zero_has_an_inverse()
    {
        for (var a = 0; a < 256; a++)
        {
            for (var b = 0; b < 256; b++) Assert.Equal(Schoolbook(a, b), GaloisField.Multiply((byte)a, (byte)b));
            if (a > 0) Assert.Equal(1, GaloisField.Multiply((byte)a, GaloisField.Inverse((byte)a)));
        }
    }

    [Fact]
    public void Every_kernel_adds_the_same_multiples_at_any_length_and_leaves_what_is_beyond()
    {
        var random = SeededRandom.Create();
        var kernels = Enum.GetValues<GaloisKernelKind>().Where(GaloisKernel.IsSupported).ToList();
        Assert.Contains(GaloisKernelKind.Scalar, kernels);
        for (var factor = 0; factor < 256; factor++)
        {
            var source = new byte[random.Next(0, 200)];
            var before = new byte[source.Length + random.Next(40)];
            random.NextBytes(source);
            random.NextBytes(before);
            var expected = before.Select((value, i) => i < source.Length ? (byte)(value ^ Schoolbook(factor, source[i])) : value).ToArray();

            foreach (var kernel in kernels)
            {
                var target = before.ToArray();
                GaloisKernel.MultiplyAdd(kernel, (byte)factor, source, target);
                Assert.Equal(expected, target);
            }
        }
    }

    private static byte Schoolbook(int a, int b)
    {
        var product = 0;
        for (var bit = 0; bit < 8; bit++)
        {
            if ((b >> bit & 1) != 0) product ^= a << bit;
        }

        for (var bit = 14; bit >= 8; bit--)
        {
            if ((product >> bit & 1) != 0) product ^= 0x11d << (bit - 8);
        }

        return (byte)product;
    }
}
