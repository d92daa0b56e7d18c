using NodeAgent.Repository.Reading;

namespace NodeAgent.Repository.Tests.Reading;

public sealed class ManyReadsTests
{
    [Fact]
    public async Task Results_come_in_order_and_no_more_are_read_at_once_than_may_be()
    {
        var random = SeededRandom.Create();
        var gates = Enumerable.Range(0, 200).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToList();
        var waiting = new HashSet<int>();
        var most = 0;
        var results = new List<int>();
        var reading = Task.Run(async () =>
        {
            await foreach (var result in ManyReads.ReadAsync(Enumerable.Range(0, 200), ReadOneAsync)) results.Add(result);
        }, TestContext.Current.CancellationToken);

        // Whichever waits may be the next whose answer comes.
        for (var answered = 0; answered < 200;)
        {
            int next;
            lock (waiting)
            {
                most = Math.Max(most, waiting.Count);
                next = waiting.Count == 0 ? -1 : waiting.ElementAt(random.Next(waiting.Count));
                waiting.Remove(next);
            }

            if (next < 0)
            {
                await Task.Yield();
                continue;
            }

            gates[next].SetResult();
            answered++;
        }

        await reading;

        Assert.Equal(Enumerable.Range(0, 200), results);
        Assert.InRange(most, 2, ManyReads.AtOnce);

        async Task<int> ReadOneAsync(int number)
        {
            lock (waiting) waiting.Add(number);
            await gates[number].Task;
            return number;
        }
    }

    [Fact]
    public async Task The_first_that_fails_in_order_ends_it_after_those_that_were_begun_have_ended()
    {
        var (begun, ended) = (0, 0);
        var results = new List<int>();
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (var result in ManyReads.ReadAsync(Enumerable.Range(0, 100), ReadOneAsync)) results.Add(result);
        });

        Assert.Equal("7", failure.Message);
        Assert.Equal(Enumerable.Range(0, 7), results);
        Assert.Equal(begun, ended);
        Assert.InRange(begun, 8, 7 + ManyReads.AtOnce);

        async Task<int> ReadOneAsync(int number)
        {
            Interlocked.Increment(ref begun);
            // The later ones fail before the first does.
            await Task.Delay(number == 7 ? 50 : 1, TestContext.Current.CancellationToken);
            Interlocked.Increment(ref ended);
            return number < 7 ? number : throw new InvalidOperationException(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
