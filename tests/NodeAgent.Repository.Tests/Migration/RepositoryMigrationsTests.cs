using NodeAgent.Repository.Migration;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Migration;

public sealed class RepositoryMigrationsTests : IDisposable
{
    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_what_the_version_needs_is_offered_and_it_is_run_once()
    {
        await using var repository = await _test.InitializeAsync();
        var (first, second, later) = (new Marking("first", 1), new Marking("second", 1), new Marking("later", 2));
        var migrations = new RepositoryMigrations(repository, [first, second, later]);
        Assert.Equal(["first", "second"], (await migrations.FindAsync(Cancellation)).Select(m => m.Name));

        Assert.True(await migrations.ApplyAsync("first", Cancellation));
        Assert.False(await migrations.ApplyAsync("first", Cancellation));
        Assert.Equal(1, first.Runs);
        Assert.Equal(["second"], (await migrations.FindAsync(Cancellation)).Select(m => m.Name));
        foreach (var name in (string[])["later", "unknown"])
            Assert.Contains($"no migration {name} for repositories of version 1", (await Assert.ThrowsAsync<RepositoryException>(() => migrations.ApplyAsync(name, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Equal(0, later.Runs);
    }

    [Fact]
    public async Task A_migration_that_leaves_something_undone_is_told()
    {
        await using var repository = await _test.InitializeAsync();
        var migrations = new RepositoryMigrations(repository, [new Marking("idle", 1) { IsIdle = true }]);
        Assert.Contains("something is left", (await Assert.ThrowsAsync<RepositoryException>(() => migrations.ApplyAsync("idle", Cancellation))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task There_is_nothing_to_migrate_yet()
    {
        await using var repository = await _test.InitializeAsync();
        Assert.Empty(await new RepositoryMigrations(repository, RepositoryMigrations.Known).FindAsync(Cancellation));
    }

    public void Dispose() => _test.Dispose();

    /// <summary>Is needed until an object of its name is there.</summary>
    private sealed class Marking(string name, int fromVersion) : IRepositoryMigration
    {
        public string Name => name;

        public string Description => "writes a mark";

        public int FromVersion => fromVersion;

        public bool IsIdle { get; init; }

        public int Runs { get; private set; }

        public async ValueTask<bool> IsNeededAsync(ChunkRepository repository, CancellationToken cancellationToken) =>
            await repository.Store.StatAsync($"marks/{name}", cancellationToken) is null;

        public async Task ApplyAsync(ChunkRepository repository, CancellationToken cancellationToken)
        {
            Runs++;
            if (!IsIdle) await repository.Store.PutAsync($"marks/{name}", new byte[] { 1 }, cancellationToken);
        }
    }
}
