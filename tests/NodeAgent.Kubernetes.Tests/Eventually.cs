namespace NodeAgent.Kubernetes.Tests;

internal static class Eventually
{
    /// <summary>Looks again and again until the condition holds; fails after ten seconds, which no healthy run comes near.</summary>
    public static async Task HoldsAsync(Func<bool> condition, string what)
    {
        var cancellation = TestContext.Current.CancellationToken;
        for (var i = 0; i < 1000; i++)
        {
            if (condition()) return;
            await Task.Delay(10, cancellation);
        }

        Assert.Fail($"{what} did not come about");
    }
}
