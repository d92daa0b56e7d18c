using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class WorkPlaceTests
{
    /// <summary>Places of a random tree, shuffled and sorted, are in the order in which a walk comes to them.</summary>
    [Fact]
    public void Work_is_in_the_order_of_the_walk()
    {
        var random = SeededRandom.Create();
        var walked = new List<WorkPlace>();
        using var root = Make(null, 0, 200);
        Walk(root, 0);

        var sorted = walked.OrderBy(_ => random.Next()).ToList();
        sorted.Sort();

        Assert.True(walked.Count is > 150 and < 100_000, $"{walked.Count} places are not what this wants");
        Assert.Equal(walked, sorted);

        void Walk(OpenedDirectory directory, int depth)
        {
            for (var index = 0; index < directory.Names.Count; index++)
            {
                // The names of a batch are looked at together, before any directory among them is opened.
                if (index % NameBatch.Length == 0)
                {
                    directory.NextToSee = index / NameBatch.Length;
                    if (index > 0) walked.Add(WorkPlace.Of(directory));
                }

                if (random.Next(depth == 0 ? 2 : 30) != 0 || depth > 6) continue;
                walked.Add(WorkPlace.Of(new ClosedDirectory(directory, index, directory.Path.Below(directory.Names[index]), null)));
                Walk(Make(directory, index, random.Next(1, 90)), depth + 1);
            }
        }
    }

    [Fact]
    public void What_is_looked_at_ahead_is_bounded_and_more_is_allowed_where_the_walk_needs_other_names()
    {
        var budget = new AheadBudget(1);
        budget.TakeNames(1500);
        Assert.Equal((true, false), (budget.HasRoom, budget.HasMuchRoom));
        budget.TakeNames(600);
        Assert.False(budget.HasRoom);

        // As much again, and so much that helpers are called.
        budget.AllowMore();
        Assert.Equal((true, true), (budget.HasRoom, budget.HasMuchRoom));
        budget.TakeNames(2000);
        Assert.False(budget.HasRoom);
        budget.AllowMore();
        budget.AllowMore();
        Assert.True(budget.HasRoom);
        budget.TakeNames(4100);
        budget.AllowMore();
        Assert.False(budget.HasRoom); // not ever more
        budget.ReturnNames(4100);

        budget.ReturnNames(3500);
        budget.AllowLess();
        budget.TakeNames(1500);
        Assert.False(budget.HasRoom);
    }

    [Fact]
    public void Bytes_are_given_up_to_the_limit_and_again_when_they_come_back()
    {
        var budget = new AheadBudget(1);
        var taken = 0;
        while (budget.TryTakeBytes(1 << 20)) taken++;

        Assert.Equal(4, taken);
        budget.ReturnBytes(1 << 20);
        Assert.True(budget.TryTakeBytes(1 << 20));
        Assert.False(budget.TryTakeBytes(1));
    }

    /// <summary>A directory of so many names; there is nothing behind it.</summary>
    private static OpenedDirectory Make(OpenedDirectory? above, int index, int names)
    {
        var list = Enumerable.Range(0, names).Select(i => System.Text.Encoding.ASCII.GetBytes($"{i:d4}")).ToList();
        return new OpenedDirectory(new DirectoryHandle(), list, above is null ? TreePath.Root : above.Path.Below(above.Names[index]), 0, null, above, index);
    }
}
