using System.Globalization;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Requests;

/// <summary>Runs requests within the concurrency limit and repeats those that failed for a passing reason.</summary>
internal sealed class RequestRetry
{
    private static readonly TimeSpan TroubleInterval = TimeSpan.FromSeconds(30);

    private readonly RetryOptions _options;
    private readonly Func<Exception, RequestFailure?> _judge;
    private readonly Action<string>? _onTrouble;
    private readonly TimeProvider _time;
    private readonly FullJitterBackoff _backoff;
    private readonly RetryBudget _budget;
    private readonly ConcurrencyLimiter _limiter;
    private long _toldAt;
    private volatile bool _wasAnswered;

    /// <param name="options">How long and how hard.</param>
    /// <param name="judge">What an exception of a request comes to; null for one that is no failure of a request.</param>
    /// <param name="onTrouble">Told, now and then, of what is tried again; null for nobody.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">For the waits.</param>
    public RequestRetry(RetryOptions options, Func<Exception, RequestFailure?> judge, Action<string>? onTrouble, TimeProvider time, Random random)
    {
        (_options, _judge, _onTrouble) = (options, judge, onTrouble);
        _time = time;
        _backoff = new FullJitterBackoff(options.BaseDelay, options.MaxDelay, random);
        _budget = new RetryBudget(time);
        _limiter = new ConcurrencyLimiter(options.MaxConcurrency);
    }

    /// <param name="operation">For the message, such as "writing".</param>
    /// <param name="where">The object, for the message.</param>
    /// <param name="attempt">One request.</param>
    /// <param name="cancellationToken">Stops the waiting too.</param>
    /// <exception cref="StoreException">It failed for good, or for too long.</exception>
    public async ValueTask<T> RunAsync<T>(string operation, string where, Func<CancellationToken, ValueTask<T>> attempt, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        for (var failures = 1; ; failures++)
        {
            var admission = await _limiter.AcquireAsync(cancellationToken);
            var outcome = RequestOutcome.Failed;
            RequestFailure? failure;
            Exception? cause;
            try
            {
                var result = await attempt(cancellationToken);
                outcome = RequestOutcome.Succeeded;
                _wasAnswered = true;
                _budget.AddSuccess();
                return result;
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested && _judge(exception) is not null)
            {
                cause = exception;
                failure = _judge(exception)!;
                if (failure.IsThrottling) outcome = RequestOutcome.Throttled;
                // A refusal for good, such as "not there", is an answer too.
                else if (!failure.IsRetryable && failure.Status > 0) outcome = RequestOutcome.Succeeded;
                if (failure.Status > 0) _wasAnswered = true;
            }
            finally
            {
                _limiter.Release(admission, outcome);
            }

            if (!failure.IsRetryable) throw Failed(failure, "");
            var elapsed = _time.GetElapsedTime(started);
            var patience = failure.IsUnreachable && !_wasAnswered ? _options.GiveUpFirstContactAfter : _options.GiveUpAfter;
            var delay = _backoff.DelayAfter(failures);
            // One retry is made in any case: a request that hung for long before it failed deserves it too.
            if (failures > 1 && elapsed >= patience)
                throw Failed(failure, string.Create(CultureInfo.InvariantCulture, $"; given up after {failures} attempts in {elapsed.TotalSeconds:0} s"));
            var budgeted = _budget.Take();
            if (budgeted > delay) delay = budgeted;
            // The last attempt is made when the time is over, not when a drawn wait happens to go beyond it.
            if (failures > 1 && elapsed + delay > patience) delay = patience - elapsed;
            Tell(operation, where, failure, failures);
            await Task.Delay(delay, _time, cancellationToken);

            StoreException Failed(RequestFailure f, string suffix) => new(f.Kind, operation, where, f.Why + suffix, f.Hint, cause);
        }
    }

    /// <summary>From the second failure on and at most twice a minute: single ones are everyday life.</summary>
    private void Tell(string operation, string where, RequestFailure failure, int failures)
    {
        if (_onTrouble is not { } tell || failures < 2) return;
        var (now, last) = (_time.GetTimestamp(), Interlocked.Read(ref _toldAt));
        if (last != 0 && _time.GetElapsedTime(last, now) < TroubleInterval) return;
        if (Interlocked.CompareExchange(ref _toldAt, now, last) != last) return;
        tell($"{operation} {where}: {failure.Why}; trying again");
    }
}
