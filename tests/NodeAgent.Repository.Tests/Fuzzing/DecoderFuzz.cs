using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Fuzzing;

/// <summary>Gives a decoder mutations of valid input, and lets it do nothing but decode them or refuse them, within bounded memory.</summary>
internal sealed class DecoderFuzz
{
    private const int LongestShown = 4096;

    private readonly Random _random = SeededRandom.Create();

    public DecoderFuzz() => Mutator = new Mutator(_random);

    public Random Random => _random;

    public Mutator Mutator { get; }

    /// <summary>Runs a decoder.</summary>
    /// <param name="samples">Valid input, which must decode.</param>
    /// <param name="decode">The decoder, on the calling thread.</param>
    /// <param name="isRefusal">Whether an exception is the documented one.</param>
    /// <param name="fixedBytes">Memory that it may take whatever the input is.</param>
    /// <param name="bytesPerByte">Memory that it may take for each byte of input.</param>
    /// <param name="iterations">How often, unless NODEAGENT_FUZZ_ITERATIONS says.</param>
    public void Run(IReadOnlyList<byte[]> samples, Action<byte[]> decode, Func<Exception, bool> isRefusal, long fixedBytes, long bytesPerByte, int iterations)
    {
        foreach (var sample in samples) decode(sample.ToArray());
        var count = FuzzIterations.OrDefault(iterations);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var input = Mutator.Mutate(samples);
            var given = input.ToArray();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                decode(input);
            }
            catch (Exception exception) when (isRefusal(exception))
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"iteration {i}: {exception}\ninput of {given.Length} bytes: {Show(given)}");
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            var bound = fixedBytes + (bytesPerByte * given.Length);
            Assert.True(allocated <= bound, $"iteration {i}: {allocated} bytes allocated, more than {bound}\ninput of {given.Length} bytes: {Show(given)}");
        }

        // Else the mutations, or the decoder, do nothing.
        Assert.True(refused >= count / 20, $"only {refused} of {count} inputs were refused");
    }

    private static string Show(byte[] input) =>
        Convert.ToHexStringLower(input.AsSpan(0, Math.Min(input.Length, LongestShown))) + (input.Length > LongestShown ? "..." : "");
}
