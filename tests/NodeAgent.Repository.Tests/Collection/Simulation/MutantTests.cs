using System.Diagnostics;
using NodeAgent.Repository.Collection;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// A step of the protocol is left out, and the simulator must notice. Schedules are drawn as ever, but lean to where the step matters: who is held up before
/// which request, for how long or until what, on which kind of store. The seeds are the same each time, unless NODEAGENT_SEED says where to begin.
/// Prints how many schedules it took. Steps that chance shows seldom have a schedule of their own in <see cref="DirectedTests"/>; one has only that: what was taken back has not waited.
/// </summary>
public sealed class MutantTests
{
    private const int Within = 20_000;
    private const double Minutes = 0.08;
    private const double Days = 110;

    [Fact]
    public void A_publish_that_does_not_look_is_found() => Find(OmittedSteps.LookBeforePublish);

    [Fact]
    public void A_publish_of_a_revoked_session_is_found() =>
        Find(OmittedSteps.OwnSessionAtPublish, t => t with { Holds = [new Hold("w", "put index/", 0.3, Days)], SpreadHours = 150, BaseSeconds = 0.05 });

    [Fact]
    public void A_publish_without_a_fence_is_found() => Find(OmittedSteps.PublishFence, t => t with { Holds = [new Hold("w", "put snap/", 0.3, 1.5)] });

    [Fact]
    public void A_collection_that_does_not_wait_is_found() =>
        Find(OmittedSteps.Wait, t => t with { Exclusive = false, Holds = [new Hold("w", "put snap/", 0.5, Minutes, "delete data/")], BaseSeconds = 0.05, SpreadHours = 1 });

    [Fact]
    public void A_condemnation_beside_publishes_is_found() => Find(OmittedSteps.ExclusiveCondemn, t => t with { Exclusive = true, Holds = [new Hold("w", "put snap/", 0.3, 1)] });

    [Fact]
    public void A_collection_that_does_not_mark_again_is_found() => Find(OmittedSteps.Remark);

    [Fact]
    public void A_session_that_announces_itself_last_is_found() => Find(OmittedSteps.AnnounceBeforeIndex);

    [Fact]
    public void A_session_that_reads_the_index_before_the_ledger_is_found() => Find(OmittedSteps.LedgerBeforeIndex);

    [Fact]
    public void A_session_that_builds_on_condemned_packs_is_found() => Find(OmittedSteps.IgnoreCondemnedAtBegin);

    [Fact]
    public void Records_that_are_removed_early_are_found() => Find(OmittedSteps.RecordRetention);

    [Fact]
    public void A_collector_that_takes_back_what_others_condemn_is_found() => Find(OmittedSteps.OwnAbsolvesOnly);

    [Fact]
    public void A_snapshot_that_is_taken_back_without_a_look_is_found() => Find(OmittedSteps.LookBeforeUnforget);

    [Fact]
    public void Snapshots_that_count_as_gone_without_a_record_are_found() => Find(OmittedSteps.DropRecord);

    [Fact]
    public void A_collector_that_removes_without_a_look_at_its_session_is_found() => Find(OmittedSteps.OwnSessionAtDelete, t => Frozen(t, new Hold("g", "fence", 0.3, Days)));

    [Fact]
    public void A_delete_without_a_fence_is_found() => Find(OmittedSteps.DeleteFence, t => Frozen(t, new Hold("g", "delete data/", 0.3, Days)));

    [Fact]
    public void A_segment_that_leaves_packs_out_without_a_fence_is_found() => Find(OmittedSteps.IndexFence, t => Frozen(t, new Hold("g", "put index/", 0.3, Days)));

    [Fact]
    public void A_revoked_session_that_is_not_waited_for_is_found() => Find(
        OmittedSteps.RevocationReach,
        t => t with
        {
            Exclusive = false,
            SpreadHours = 150,
            BaseSeconds = 0.05,
            LongPause = 0,
            Lost = 0,
            Crash = 0,
            Holds = [new Hold("w", "fence", 0.5, Days, "put sess/"), new Hold("w", "body snap/", 1, Minutes, "delete data/"), new Hold("g", "fence", 0.5, Days, "put sess/"), new Hold("g", "body data/", 1, Minutes, "delete gc/")],
        });

    [Fact]
    public void A_session_that_says_too_early_that_it_is_over_is_found() => Find(OmittedSteps.EndAfterOutcome, t => t with { Exclusive = false, Lost = 0.1 });

    [Fact]
    public void A_collector_that_does_not_see_what_others_condemn_is_found() => Find(
        OmittedSteps.OthersCondemns,
        t => t with { SpreadHours = 1, BaseSeconds = 0.05, LongPause = 0, Holds = [new Hold("g", "put gc/", 0.5, 3, "put gc/"), new Hold("g", "fence", 0.5, 3, "put gc/"), new Hold("g", "delete data/", 0.5, Minutes, "delete data/")] });

    [Fact]
    public void A_snapshot_that_is_dropped_while_it_is_taken_back_is_found() =>
        Find(OmittedSteps.DropSettles, t => t with { Exclusive = false, BaseSeconds = 0.05, Holds = [new Hold("f", "delete forget/", 1, Minutes, "delete snap/"), new Hold("g", "put gc/", 0.5, 1.5, "list gc/")] });

    /// <summary>Collectors freeze for days, and some fail when they have revoked others.</summary>
    private static Temper Frozen(Temper temper, Hold hold) =>
        temper with { SpreadHours = 150, BaseSeconds = 0.05, Holds = [hold, new Hold("g", "list data/", 0.3, 0) { Fails = true }] };

    private static void Find(OmittedSteps omitted, Func<Temper, Temper>? focus = null)
    {
        var watch = Stopwatch.StartNew();
        var first = SimulationTests.FirstSeed(1);
        for (var i = 0; i < Within; i++)
        {
            if (SimulationTests.Quietly(() => Schedule.Run(first + i, omitted, focus)) is not { } why) continue;
            var sound = SimulationTests.Quietly(() => Schedule.Run(first + i, OmittedSteps.None, focus));
            Assert.True(sound is null, $"NODEAGENT_SEED={first + i}: nothing is left out, and yet: {sound}");
            SimulationTests.Print($"NODEAGENT_SEED={first}; without {omitted}: found by schedule {i + 1} after {watch.Elapsed.TotalSeconds:0.0} s: {why}");
            return;
        }

        Assert.Fail($"NODEAGENT_SEED={first}: {Within} schedules did not find that {omitted} is left out");
    }
}
