using System.Globalization;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>How long tests that try random things go on: NODEAGENT_FUZZ_ITERATIONS, else little enough for every run of the tests.</summary>
internal static class FuzzIterations
{
    public static int OrDefault(int count) =>
        int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_FUZZ_ITERATIONS"), CultureInfo.InvariantCulture, out var given) && given > 0 ? given : count;
}
