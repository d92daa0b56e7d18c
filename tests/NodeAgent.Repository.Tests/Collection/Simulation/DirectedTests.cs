using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// For each step of the protocol that chance seldom shows to be needed, the schedule that shows it: with the step nothing is lost, without it something is.
/// Chunks are numbers; a pack holds what its backup stored.
/// </summary>
public sealed class DirectedTests
{
    /// <summary>Within a fence's lifetime.</summary>
    private static readonly TimeSpan Shortly = TimeSpan.FromMinutes(4);

    /// <summary>
    /// g1 copies chunk 1 and condemns the pack of 0 and 1; then it freezes. It is revoked, its record goes, the old pack counts again, and g3 removes the copy as the one
    /// too many. g1 wakes up, and would leave the old pack out of the index and delete it.
    /// </summary>
    [Fact]
    public void A_collector_looks_at_its_session_before_it_removes_anything() => Shows(OmittedSteps.OwnSessionAtDelete, exclusive: false, s => FrozenCollectorAsync(s, s.Hold("g1", "fence")));

    /// <summary>The same where locks are: it must have looked when it holds its own.</summary>
    [Fact]
    public void A_collector_looks_at_its_session_under_a_lock_too() => Shows(OmittedSteps.OwnSessionAtDelete, exclusive: true, s => FrozenCollectorAsync(s, s.Hold("g1", "fence", skip: 2)));

    /// <summary>As above, but g1 has looked already and freezes before it sends the segment that leaves the old pack out.</summary>
    [Fact]
    public void A_segment_that_leaves_packs_out_goes_through_a_fence() => Shows(OmittedSteps.IndexFence, exclusive: false, s => FrozenCollectorAsync(s, s.Hold("g1", "put index/", skip: 1)));

    /// <summary>
    /// As above, but g1 freezes before the delete, when the old pack is out of the index. A merge that had read the index before names it again.
    /// </summary>
    [Fact]
    public void A_delete_goes_through_a_fence() => Shows(OmittedSteps.DeleteFence, exclusive: false, s => FrozenCollectorAsync(s, s.Hold("g1", "delete data/"), renamed: true));

    /// <summary>
    /// w1 relies on the pack of a forgotten snapshot, sleeps for three days, wakes up and looks; while its snapshot is on its way g1 declares it dead. What it has sent
    /// still arrives.
    /// </summary>
    [Fact]
    public void A_revoked_session_is_waited_for_until_its_reach_is_over() => Shows(OmittedSteps.RevocationReach, exclusive: false, async s =>
    {
        await s.ForgetAsync("f1", await s.BackUpAsync("w0", 0));
        var (asleep, sending) = (s.Hold("w1", "fence"), s.Hold("w1", "put snap/"));
        var backup = s.BackUpAsync("w1", 0);
        await asleep.Reached;
        await s.PassAsync(73);
        asleep.Open();
        await sending.Reached;
        var collection = s.CollectAsync("g1");
        await s.PassAsync(Shortly);
        sending.Open();
        await backup;
        await collection;
    });

    /// <summary>w1 relies on the pack of a forgotten snapshot. The answer to its publish is lost, and the publish takes effect minutes later.</summary>
    [Fact]
    public void A_session_does_not_say_that_it_is_over_while_a_write_may_be_under_way() => Shows(OmittedSteps.EndAfterOutcome, exclusive: false, async s =>
    {
        await s.ForgetAsync("f1", await s.BackUpAsync("w0", 0));
        s.Lose("w1", "snap/", Shortly);
        await s.BackUpAsync("w1", 0);
        await s.CollectAsync("g1");
        await s.PassAsync(Shortly);
    });

    /// <summary>
    /// g1 condemns the pack of 0 and 1, takes it back because of w1, and freezes before it says that it is done. w2 finds 0 there and publishes. Then g2 condemns
    /// the pack. That it was condemned before, and no longer is, must not count as waiting.
    /// </summary>
    [Fact]
    public void What_was_taken_back_has_not_waited() => Shows(OmittedSteps.StandingInheritance, exclusive: false, async s =>
    {
        await KeepOneOfTwoAsync(s);
        var publishing = s.Hold("w1", "put snap/");
        var backup = s.BackUpAsync("w1", 0);
        await publishing.Reached;
        // It writes what it drops, what it condemns, and what it takes back.
        var done = s.Hold("g1", "put gc/", skip: 3);
        var first = s.CollectAsync("g1", isGreedy: true);
        await s.PassAsync(Shortly);
        publishing.Open();
        await done.Reached;
        await s.ForgetAsync("f1", await backup);
        await s.CollectAsync("g3");
        await s.PassAsync(0.3);

        var late = s.Hold("w2", "put snap/");
        var next = s.BackUpAsync("w2", 0);
        await late.Reached;
        var second = s.CollectAsync("g2", isGreedy: true);
        await s.PassAsync(Shortly);
        late.Open();
        await next;
        await second;
        done.Open();
        await first;
    });

    /// <summary>f1 has looked, and the removal of the mark is on its way. g1 drops the snapshot, and does not wait for packs.</summary>
    [Fact]
    public void A_snapshot_is_dropped_only_when_nobody_can_be_taking_it_back() => Shows(OmittedSteps.DropSettles, exclusive: false, async s =>
    {
        var snapshot = await s.BackUpAsync("w0", 0);
        await s.ForgetAsync("f1", snapshot);
        var sending = s.Hold("f1", "delete forget/");
        var back = s.UnforgetAsync("f1", snapshot);
        await sending.Reached;
        await s.CollectAsync("g1", waits: false);
        await s.PassAsync(Shortly);
        sending.Open();
        await back;
    });

    /// <summary>
    /// Two packs hold chunk 1: g1, which has made a copy, condemns the old one; g2, for which g1 was silent for too long, condemns the copy. Each must see what the other does.
    /// </summary>
    [Fact]
    public void A_pack_that_another_collector_has_condemned_does_not_count() => Shows(OmittedSteps.OthersCondemns, exclusive: true, async s =>
    {
        await KeepOneOfTwoAsync(s);
        // Its first two fences are of tidying and of condemning; g2's third is of the index.
        var condemning = s.Hold("g1", "fence", skip: 1);
        var first = s.CollectAsync("g1", isGreedy: true);
        await condemning.Reached;
        await s.PassAsync(1.5);
        var removing = s.Hold("g2", "fence", skip: 2);
        var second = s.CollectAsync("g2");
        await removing.Reached;
        condemning.Open();
        await first;
        removing.Open();
        await second;
    });

    /// <summary>
    /// Not needed for safety: a backup that runs while others collect. With each of its looks it would find the packs that it has just stored condemned, store them once more,
    /// look again, and give up in the end.
    /// </summary>
    [Fact]
    public void Packs_of_a_running_backup_are_left_alone_so_that_it_comes_to_an_end()
    {
        var (whole, without) = (0, 0);
        Assert.NotNull(Publish(OmittedSteps.None, ref whole));
        Assert.Equal(2, whole);
        Assert.Null(Publish(OmittedSteps.SpareRunning, ref without));
        Assert.True(without > 10 * whole, $"{without} chunks were stored");

        static SnapshotId? Publish(OmittedSteps omitted, ref int stored)
        {
            SnapshotId? published = null;
            var scenario = Scenario.Run(omitted, exclusive: false, async s =>
            {
                var looking = s.Hold("w1", "fence");
                var backup = s.BackUpAsync("w1", 0, 1);
                for (var round = 1; ; round++)
                {
                    await s.PassAsync(TimeSpan.FromMinutes(1));
                    if (backup.IsCompleted) break;
                    await s.CollectAsync($"g{round}", isGreedy: true, waits: false);
                    var next = s.Hold("w1", "fence");
                    looking.Open();
                    looking = next;
                }

                published = await backup;
            });
            Assert.True(scenario.Violation is null, $"{scenario.Violation}\n{scenario.Trace}");
            stored = scenario.State.StoredChunks["w1"];
            return published;
        }
    }

    /// <summary>
    /// Not needed for safety: g1 dies between the copies and the condemnation, whichever comes first. If that is the condemnation, chunks that snapshots use count as there
    /// nowhere, for the three days until g1 is declared dead, and every backup stores them again.
    /// </summary>
    [Fact]
    public void Copies_come_before_the_condemnation_so_that_nobody_stores_again_what_is_used()
    {
        Assert.Equal(0, StoredAgain(OmittedSteps.None, "put gc/"));
        Assert.Equal(1, StoredAgain(OmittedSteps.CopiesBeforeCondemn, "put index/"));

        static int StoredAgain(OmittedSteps omitted, string death)
        {
            var scenario = Scenario.Run(omitted, exclusive: false, async s =>
            {
                await KeepOneOfTwoAsync(s);
                var dead = s.Hold("g1", death);
                _ = s.CollectAsync("g1", isGreedy: true);
                await dead.Reached;
                await s.BackUpAsync("w1", 1);
            });
            Assert.True(scenario.Violation is null, $"{scenario.Violation}\n{scenario.Trace}");
            return scenario.State.StoredChunks.GetValueOrDefault("w1");
        }
    }

    /// <summary>
    /// Not needed against other collections, whose records stand for as long as this one runs. But g1 is about to delete the copy of a chunk for the sake of another, and somebody
    /// has removed that by hand.
    /// </summary>
    [Fact]
    public void The_last_copy_of_a_chunk_stays_when_the_other_was_removed_by_hand() => Shows(OmittedSteps.ListPacksAgain, exclusive: false, async s =>
    {
        await KeepOneOfTwoAsync(s);
        s.Fail("g0", "put gc/");
        await s.CollectAsync("g0", isGreedy: true);
        // What it drops, then what it condemns: the copy.
        var condemning = s.Hold("g1", "put gc/", skip: 1);
        var collection = s.CollectAsync("g1");
        await condemning.Reached;
        s.RemoveByHand(s.State.Under(PackId.Prefix).First().Key);
        condemning.Open();
        await collection;
    });

    /// <summary>
    /// The publish of w1 was sent twice, since the first time was not answered. The snapshot is forgotten and dropped at once, with all that only it needs; then the
    /// first sending arrives.
    /// </summary>
    [Fact]
    public void A_session_whose_publish_may_come_twice_does_not_say_that_it_is_over() => Shows(OmittedSteps.EndAfterOutcome, exclusive: false, async s =>
    {
        s.Repeat("w1", "snap/", TimeSpan.FromMinutes(8));
        await s.ForgetAsync("f1", await s.BackUpAsync("w1", 0));
        await s.CollectAsync("g1");
        await s.PassAsync(1);
    });

    /// <summary>
    /// g1 has left the first pack of chunk 0 out of the index and failed before it deleted it. Then there is another one, which w2 uses while g2 collects both. It must be
    /// that one which is taken back.
    /// </summary>
    [Fact]
    public void A_pack_that_the_index_left_out_is_not_taken_back_in_place_of_one_that_it_names()
    {
        IsSound(exclusive: false, async s =>
        {
            await s.ForgetAsync("f1", await s.BackUpAsync("w0", 0));
            // The first fence is of the index, the second of the delete.
            s.Fail("g1", "fence", skip: 1);
            await s.CollectAsync("g1");
            await s.ForgetAsync("f1", await s.BackUpAsync("w1", 0));
            Assert.Equal(2, s.State.Under(PackId.Prefix).Count());
            // One that gets no further than to tidy away the record of g1.
            s.Fail("g3", "list data/");
            await s.CollectAsync("g3");
            var publishing = s.Hold("w2", "put snap/");
            var backup = s.BackUpAsync("w2", 0);
            await publishing.Reached;
            var collection = s.CollectAsync("g2");
            await s.PassAsync(Shortly);
            publishing.Open();
            await backup;
            await collection;
        });
    }

    /// <summary>
    /// The store's clocks are half a minute wrong, each time the way that hurts: w1's fence is taken by one that is ahead and judged by one that is behind, the condemnation
    /// has its time from one that is behind, and the wait goes by one that is ahead.
    /// </summary>
    [Fact]
    public void Clocks_of_the_store_that_differ_take_nothing_from_the_wait() => IsSound(exclusive: false, async s =>
    {
        var (behind, ahead) = (TimeSpan.FromSeconds(-30), TimeSpan.FromSeconds(30));
        await s.ForgetAsync("f1", await s.BackUpAsync("w0", 0));
        await s.PassAsync(1);
        var (sending, arriving, condemned) = (s.Hold("w1", "put snap/"), s.Hold("w1", "body snap/"), s.Hold("g1", "time", skip: 3));
        s.State.ClockError = ahead;
        var backup = s.BackUpAsync("w1", 0);
        await sending.Reached;
        s.State.ClockError = behind;
        var collection = s.CollectAsync("g1");
        await condemned.Reached;
        await s.PassAsync(TimeSpan.FromMinutes(5.9));
        sending.Open();
        await arriving.Reached;
        s.State.ClockError = ahead;
        condemned.Open();
        await s.PassAsync(TimeSpan.FromMinutes(4.9));
        arriving.Open();
        await backup;
        await collection;
    });

    /// <summary>The time of a record may lie ahead of the clock that is asked next; where nobody is waited for, that must not put the deletes off.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void A_record_from_the_future_does_not_keep_a_collection_from_deleting(int question)
    {
        var scenario = IsSound(exclusive: false, async s =>
        {
            await s.ForgetAsync("f1", await s.BackUpAsync("w0", 0));
            s.State.ClockError = TimeSpan.FromSeconds(30);
            var condemned = s.Hold("g1", "time", skip: question);
            var collection = s.CollectAsync("g1");
            await condemned.Reached;
            s.State.ClockError = TimeSpan.FromSeconds(-30);
            condemned.Open();
            await collection;
        });
        Assert.Empty(scenario.State.Under("data/"));
    }

    /// <summary>
    /// A backup takes long, so that its word is out. Each few minutes a snapshot is forgotten and a collection comes that waits for nobody: what the first of them condemned goes
    /// when its time has come, whatever the later ones have condemned since.
    /// </summary>
    [Fact]
    public void Collections_that_come_often_and_do_not_wait_remove_what_has_waited()
    {
        const int Rounds = 30;
        var pause = TimeSpan.FromMinutes(3);
        var left = new List<int>();
        IsSound(exclusive: false, async s =>
        {
            var publishing = s.Hold("w9", "put snap/");
            var backup = s.BackUpAsync("w9", 90);
            await publishing.Reached;
            for (var i = 0; i < Rounds; i++)
            {
                await s.ForgetAsync("f1", await s.BackUpAsync($"w{i % 3}", i));
                await s.CollectAsync($"g{i % 3}", waits: false);
                left.Add(s.State.Under(PackId.Prefix).Count());
                await s.PassAsync(pause);
            }

            publishing.Open();
            await backup;
        });
        // One of the backup, and those that were condemned within the reach of a fence, of this collection and of the one before.
        Assert.Equal(Rounds, left.Count);
        Assert.All(left, count => Assert.InRange(count, 1, 1 + (int)(CollectionTimes.Default.ReachOf(CollectionTimes.Default.FenceLifetime) / pause) + 2));
    }

    /// <summary>A pack of chunks 0 and 1, of which only 1 is used.</summary>
    private static async Task KeepOneOfTwoAsync(Scenario s)
    {
        var both = await s.BackUpAsync("w0", 0, 1);
        await s.BackUpAsync("w0", 1);
        await s.ForgetAsync("f1", both);
    }

    private static async Task FrozenCollectorAsync(Scenario s, Gate frozen, bool renamed = false)
    {
        await KeepOneOfTwoAsync(s);
        // A merge needs two segments, and those from before the collection.
        if (renamed) await s.BackUpAsync("w0", 2);
        var merging = s.Hold("m1", "put index/");
        var merge = renamed ? s.RebuildAsync("m1") : Task.CompletedTask;
        if (renamed) await merging.Reached;
        var collection = s.CollectAsync("g1", isGreedy: true);
        await frozen.Reached;
        merging.Open();
        await merge;
        await s.PassAsync(73);
        // One collection declares it dead and gets no further.
        s.Fail("g2", "list data/");
        await s.CollectAsync("g2");
        await s.PassAsync(1);
        await s.CollectAsync("g3");
        frozen.Open();
        await collection;
    }

    private static Scenario IsSound(bool exclusive, Func<Scenario, Task> script)
    {
        var scenario = Scenario.Run(OmittedSteps.None, exclusive, script);
        Assert.True(scenario.Violation is null, $"{scenario.Violation}\n{scenario.Trace}");
        return scenario;
    }

    private static void Shows(OmittedSteps step, bool exclusive, Func<Scenario, Task> script)
    {
        IsSound(exclusive, script);
        var without = Scenario.Run(step, exclusive, script);
        Assert.True(without.Violation is not null, $"without {step} nothing is lost:\n{without.Trace}");
        SimulationTests.Print($"without {step}: {without.Violation}");
    }
}
