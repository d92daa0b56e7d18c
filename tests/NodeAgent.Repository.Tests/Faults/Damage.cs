using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>What can happen to an object in a store.</summary>
/// <param name="Name">For the message of a failed test.</param>
/// <param name="Content">What is there after it; null for nothing.</param>
internal sealed record Damage(string Name, byte[]? Content)
{
    /// <summary>Everything that is tried on one object.</summary>
    /// <param name="original">Its content.</param>
    /// <param name="others">The content of other objects of its kind.</param>
    /// <param name="random">Chooses places.</param>
    public static IEnumerable<Damage> Of(byte[] original, IEnumerable<byte[]> others, Random random)
    {
        var length = original.Length;
        var fixedPlaces = (int[])[0, 4, 5, 6, 8, 24, 26, 28, 32, 63, 64, 80, 88, length / 2, length - 33, length - 17, length - 16, length - 12, length - 1];
        foreach (var place in fixedPlaces.Where(p => p >= 0 && p < length).Concat(Enumerable.Range(0, FuzzIterations.OrDefault(8)).Select(_ => random.Next(length))))
        {
            var bit = random.Next(8);
            var flipped = original.ToArray();
            flipped[place] ^= (byte)(1 << bit);
            yield return new Damage($"bit {bit} of byte {place} of {length} flipped", flipped);
        }

        foreach (var left in (int[])[1, 63, 64, 65, 64 + 40, length / 2, length - 16, length - 1])
        {
            if (left > 0 && left < length) yield return new Damage($"cut to {left} of {length} bytes", original[..left]);
        }

        yield return new Damage("emptied", []);
        yield return new Damage("deleted", null);
        yield return new Damage("zeroed", new byte[length]);
        yield return new Damage("one byte appended", [.. original, 0]);
        yield return new Damage("itself appended", [.. original, .. original]);
        yield return new Damage("much appended", [.. original, .. new byte[200_000]]);
        foreach (var other in others) yield return new Damage("another of its kind in its place", other);
    }
}
