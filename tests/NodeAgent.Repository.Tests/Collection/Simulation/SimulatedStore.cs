using System.Runtime.CompilerServices;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// The store as one actor sees it. Each call takes time on the way there and on the way back, and that is where the actor pauses for hours, or
/// dies. A change may be lost on the way, take effect although its sender was told nothing, or take effect a second time later.
/// </summary>
internal sealed class SimulatedStore(SimulatedState state, string actor, Temper temper) : IObjectStore
{
    private static readonly TimeSpan LongestTransit = TimeSpan.FromMinutes(4);

    public SimulatedState State => state;

    public string Actor => actor;

    /// <summary>The session that the actor is in.</summary>
    public string? Session { get; set; }

    public string Location => "simulated";

    public bool HasExclusiveFences => temper.Exclusive;

    /// <summary>Whether the actor is dead.</summary>
    public bool IsDead { get; private set; }

    public async ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken)
    {
        await StepAsync("time", "");
        var now = state.Clock();
        await AnswerAsync();
        return now;
    }

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        if (!HasExclusiveFences)
        {
            await StepAsync("fence", "");
            var taken = state.Clock();
            await AnswerAsync();
            return new SimulatedFence(this, mode, taken + lifetime, lifetime);
        }

        for (var waited = 0; ; waited++)
        {
            await StepAsync(waited == 0 ? "fence" : "lock", "");
            if (!state.Fences.Exists(f => mode == FenceMode.Exclusive || f.Mode == FenceMode.Exclusive)) break;
            if (waited > 20) throw new StoreException(StoreFailure.Transient, "locking", "fence", "held for long");
        }

        var fence = new SimulatedFence(this, mode, null, lifetime);
        state.Fences.Add(fence);
        if (state.World.Traces) state.World.Say(actor, $"holds the {mode} fence");
        return fence;
    }

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        await ChangeAsync("put", key, () => state.Put(actor, key, body.Span, null), null, default) ? PutOutcome.Created : PutOutcome.AlreadyExists;

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        await ChangeAsync("delete", key, () => state.Delete(actor, key, null), null, default);

    public async ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) => await ReadAllAsync(key, 0, cancellationToken);

    public async ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        await StepAsync("get", key);
        var found = state.Objects.GetValueOrDefault(key);
        await AnswerAsync();
        return found?.Body ?? throw new StoreException(StoreFailure.NotFound, "reading", key, "it is not there");
    }

    public async ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        await StepAsync("stat", key);
        StoreEntry? found = state.Objects.TryGetValue(key, out var stored) ? new StoreEntry(key, stored.Body.Length, stored.Written) : null;
        await AnswerAsync();
        return found;
    }

    /// <summary>Page by page; each page is what is there at its moment.</summary>
    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var from = prefix;
        while (true)
        {
            await StepAsync("list", prefix);
            var page = new List<StoreEntry>();
            for (var i = state.First(from); i < state.Objects.Count; i++)
            {
                var (key, stored) = (state.Objects.GetKeyAtIndex(i), state.Objects.GetValueAtIndex(i));
                if (!key.StartsWith(prefix, StringComparison.Ordinal)) break;
                page.Add(new StoreEntry(key, stored.Content is NodeAgent.Repository.Index.PackContents pack ? pack.Size : stored.Body.Length, stored.Written));
                if (page.Count == temper.Page) break;
            }

            await AnswerAsync();
            foreach (var entry in page) yield return entry;
            if (page.Count < temper.Page) yield break;
            from = page[^1].Key + "\0";
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A write or a delete.</summary>
    public async Task<bool> ChangeAsync(string request, string key, Func<bool> effect, DateTimeOffset? deadline, TimeSpan lifetime, Action? onDoubt = null)
    {
        var world = state.World;
        await StepAsync(request, key);
        // The store judges a request when its head arrives; its body may take a while longer.
        if (deadline < state.Clock())
        {
            world.Say(actor, $"is refused {key}: too late");
            await AnswerAsync();
            throw new FenceExpiredException(key, lifetime);
        }

        if (state.MeetGate(actor, "lose", key) is { Lost: { } later })
        {
            world.Say(actor, $"gets no answer for {key}");
            world.At(later, () => effect());
            throw new StoreException(StoreFailure.Transient, "writing", key, "no answer");
        }

        if (world.Chance(temper.Lost))
        {
            if (world.Chance(0.7)) Later(effect, deadline);
            world.Say(actor, $"gets no answer for {key}");
            if (world.Chance(0.5)) Die();
            await StepAsync("", "");
            throw new StoreException(StoreFailure.Transient, "writing", key, "no answer");
        }

        if (world.Chance(temper.Duplicate))
        {
            // The first sending was not answered; the second one is.
            onDoubt?.Invoke();
            Later(effect, deadline);
        }

        if (state.MeetGate(actor, "repeat", key) is { Lost: { } again })
        {
            onDoubt?.Invoke();
            world.At(again, () => effect());
        }

        if (deadline is not null && state.MeetGate(actor, "body", key) is { } body) await body.PassAsync();
        if (deadline is not null && !await HoldAsync("body", key, CollectionTimes.Default.BodySlack) && world.Chance(0.1)) await world.DelayAsync(CollectionTimes.Default.BodySlack * world.Random.NextDouble());
        var result = effect();
        state.Happened(actor, request, key);
        await AnswerAsync();
        return result;
    }

    /// <summary>Time passes for this actor; it may be a long time, or the end.</summary>
    public async Task StepAsync(string request, string key)
    {
        var world = state.World;
        if (world.Chance(temper.Crash)) Die();
        if (IsDead) await new TaskCompletionSource().Task;
        var delay = TimeSpan.FromSeconds(temper.BaseSeconds * world.Random.NextDouble());
        if (world.Chance(temper.LongPause))
        {
            delay += TimeSpan.FromHours(world.Random.Next(3) switch { 0 => 2, 1 => 30, _ => 100 } * world.Random.NextDouble());
            if (world.Traces) world.Say(actor, $"is frozen for {delay}");
        }
        else if (world.Chance(temper.ShortPause))
        {
            delay += TimeSpan.FromMinutes(15 * world.Random.NextDouble());
        }

        await world.DelayAsync(delay);
        if (state.MeetGate(actor, request, key) is { } gate)
        {
            if (world.Traces) world.Say(actor, $"is held before {request} {key}");
            await gate.PassAsync();
            if (gate.Fails) throw new StoreException(StoreFailure.Transient, request, key, "no answer");
        }

        if (temper.Holds.Length > 0) await HoldAsync(request, key, TimeSpan.MaxValue);
    }

    private async Task<bool> HoldAsync(string request, string key, TimeSpan most)
    {
        var world = state.World;
        foreach (var hold in temper.Holds)
        {
            if (!hold.Meets(actor, request, key) || !world.Chance(hold.Chance)) continue;
            if (hold.Fails && request != "body")
            {
                world.Say(actor, $"fails before {request} {key}");
                throw new StoreException(StoreFailure.Transient, request, key, "no answer");
            }

            var time = TimeSpan.FromHours(hold.Hours * (0.1 + (0.9 * world.Random.NextDouble())));
            if (time > most) time = most * world.Random.NextDouble();
            if (world.Traces) world.Say(actor, $"is held before {request} {key} for {time}{(hold.Until.Length > 0 ? $" or until {hold.Until}" : "")}");
            await state.WaitAsync(actor, hold.Until, time);
            if (IsDead) await new TaskCompletionSource().Task;
            return true;
        }

        return false;
    }

    private Task AnswerAsync() => state.World.Chance(0.3) ? StepAsync("", "") : Task.CompletedTask;

    /// <summary>A process that ends lets go of its locks; what it sent may still arrive.</summary>
    private void Die()
    {
        if (IsDead) return;
        IsDead = true;
        state.World.Say(actor, "dies");
        state.Fences.RemoveAll(f => f.Store == this);
    }

    private void Later(Func<bool> effect, DateTimeOffset? deadline)
    {
        // On a store with locks a write is over when the call is.
        if (HasExclusiveFences)
        {
            effect();
            return;
        }

        var arrival = LongestTransit * state.World.Random.NextDouble();
        state.World.At(arrival, () =>
        {
            if (deadline < state.Clock())
            {
                state.World.Say(actor, "is refused a request that comes late");
                return;
            }

            state.World.At(deadline is null ? TimeSpan.Zero : CollectionTimes.Default.BodySlack * state.World.Random.NextDouble(), () => effect());
        });
    }
}
