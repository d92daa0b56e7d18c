namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>Tests that look at counters of the whole process run when no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneTests
{
    public const string Name = "alone";
}
