using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Tests.Invocation;

public sealed class FailureTests
{
    [Fact]
    public void A_library_that_is_not_installed_is_no_fault_of_the_program() =>
        Assert.Equal(new Failure(1, "libx is not installed: apt-get install libx"), Failure.Of(new DllNotFoundException("libx is not installed: apt-get install libx"), interrupted: false));

    [Fact]
    public void What_nobody_foresaw_is_one() =>
        Assert.StartsWith("unexpected: InvalidOperationException: ", Failure.Of(new InvalidOperationException("x"), interrupted: false).Message, StringComparison.Ordinal);
}
