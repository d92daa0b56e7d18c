using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Tests.S3;

public sealed class RetryBudgetTests
{
    private readonly JumpingTime _time = new();

    [Fact]
    public void When_nothing_succeeds_the_first_retries_are_free_and_then_they_come_every_two_seconds()
    {
        var budget = new RetryBudget(_time);
        for (var i = 0; i < RetryBudget.Initial; i++) Assert.Equal(TimeSpan.Zero, budget.Take());
        Assert.Equal(TimeSpan.FromSeconds(2), budget.Take());
        Assert.Equal(TimeSpan.FromSeconds(4), budget.Take());
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(TimeSpan.FromSeconds(2), budget.Take());
    }

    [Fact]
    public void Ten_successes_pay_for_one_retry()
    {
        var budget = new RetryBudget(_time);
        while (budget.Take() == TimeSpan.Zero)
        {
        }

        // One retry is owed now; twenty successes pay for it and for one more.
        for (var i = 0; i < 21; i++) budget.AddSuccess();
        Assert.Equal(TimeSpan.Zero, budget.Take());
        Assert.NotEqual(TimeSpan.Zero, budget.Take());
    }

    [Fact]
    public void Savings_and_debts_are_bounded()
    {
        var budget = new RetryBudget(_time);
        for (var i = 0; i < 100_000; i++) budget.AddSuccess();
        var free = 0;
        while (budget.Take() == TimeSpan.Zero) free++;
        Assert.Equal(RetryBudget.Capacity, free);
        for (var i = 0; i < 1000; i++) budget.Take();
        Assert.Equal(TimeSpan.FromSeconds(RetryBudget.MaxDebt / RetryBudget.PerSecond), budget.Take());
    }
}
