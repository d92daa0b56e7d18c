using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository.Tests.Sessions;

public sealed class IdleProcessorsTests
{
    [Fact]
    public void The_sum_of_all_processors_is_read()
    {
        // Guests' times are part of the first two.
        var text = "cpu  100 5 20 1000 50 3 7 15 30 2\ncpu0 50 2 10 500 25 1 3 7 15 1\n"u8;
        Assert.Equal((1050L, 1200L), IdleProcessors.Parse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cpu0 50 2 10 500 25 1 3 7 15 1\n")]
    [InlineData("cpu  1 2 3\n")]
    [InlineData("cpu  1 2 3 x 5 6 7 8\n")]
    public void What_is_none_is_not_known(string text) => Assert.Null(IdleProcessors.Parse(System.Text.Encoding.UTF8.GetBytes(text)));

    [Fact]
    public async Task This_machine_is_measured_from_the_second_time_on()
    {
        Assert.SkipUnless(File.Exists("/proc/stat"), "there is no /proc/stat");
        var processors = new IdleProcessors();
        Assert.Null(processors.Measure());
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.InRange(Assert.NotNull(processors.Measure()), 0, 1);
    }
}
