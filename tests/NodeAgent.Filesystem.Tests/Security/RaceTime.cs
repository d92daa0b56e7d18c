using System.Diagnostics;
using System.Globalization;

namespace NodeAgent.Filesystem.Tests.Security;

/// <summary>
/// How long the tests of races go on: NODEAGENT_TEST_RACE_SECONDS, or a few seconds. A test that has not met what it is there to meet goes on until it
/// has, on however slow a machine.
/// </summary>
/// <param name="ordinary">How many seconds, unless the variable says otherwise.</param>
internal sealed class RaceTime(double ordinary = 3)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly TimeSpan _length = TimeSpan.FromSeconds(double.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_TEST_RACE_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : ordinary);

    public TimeSpan Passed => Stopwatch.GetElapsedTime(_began);

    /// <summary>Whether another round is to be run.</summary>
    /// <param name="hasMet">Whether what is looked for has been met often enough.</param>
    public bool GoesOn(bool hasMet) => Passed < _length || (!hasMet && Passed < Longest);
}
