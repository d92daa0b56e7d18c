using System.Diagnostics;
using NodeAgent.Repository.Collection;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// A step of the protocol is left out, and the simulator must notice. Schedules are drawn as ever, but lean to where the step matters: who is frozen before
/// which write, for how long, on which kind of store. Prints how many schedules it took.
/// </summary>
public sealed class MutantTests
{
    private const int Within = 20_000;
    private const double Minutes = 0.08;
    private const double Days = 110;

    [Fact]
    public void A_publish_that_does_not_look_is_found() => Find(OmittedSteps.LookBeforePublish);

    [Fact]
    public void A_publish_of_a_revoked_session_is_found() => Find(OmittedSteps.OwnSessionAtPublish, t => t with { Freeze = "index/", FreezeHours = Days, SpreadHours = 150, BaseSeconds = 0.05 });

    [Fact]
    public void A_publish_without_a_fence_is_found() => Find(OmittedSteps.PublishFence, t => t with { Freeze = "snap/" });

    [Fact]
    public void A_collection_that_does_not_wait_is_found() => Find(OmittedSteps.Wait, t => t with { Exclusive = false, Freeze = "snap/", FreezeHours = Minutes, BaseSeconds = 0.05 });

    [Fact]
    public void A_condemnation_beside_publishes_is_found() => Find(OmittedSteps.ExclusiveCondemn, t => t with { Exclusive = true, Freeze = "snap/", FreezeHours = 1 });

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

    private static void Find(OmittedSteps omitted, Func<Temper, Temper>? focus = null)
    {
        var watch = Stopwatch.StartNew();
        var first = SimulationTests.FirstSeed();
        for (var i = 0; i < Within; i++)
        {
            if (SimulationTests.Quietly(() => Schedule.Run(first + i, omitted, focus)) is not { } why) continue;
            SimulationTests.Print($"NODEAGENT_SEED={first}; without {omitted}: found by schedule {i + 1} after {watch.Elapsed.TotalSeconds:0.0} s: {why}");
            return;
        }

        Assert.Fail($"NODEAGENT_SEED={first}: {Within} schedules did not find that {omitted} is left out");
    }
}
