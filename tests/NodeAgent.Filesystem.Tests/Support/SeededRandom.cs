using System.Globalization;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>Randomness that a failed run can be repeated with: prints its seed, takes it from NODEAGENT_SEED.</summary>
internal static class SeededRandom
{
    public static Random Create()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"NODEAGENT_SEED={seed}");
        return new Random(seed);
    }

    public static byte[] Bytes(this Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
