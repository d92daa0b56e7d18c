using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Repair;

/// <summary>Repositories in which every chunk lies in two packs, each written by a session of its own.</summary>
internal static class TwinRepository
{
    /// <summary>Makes one with a snapshot for each of two sessions; returns its directory and the packs of the first.</summary>
    public static async Task<(string Root, List<string> FirstPacks)> CreateAsync(RepositoryCopies copies, SortedDictionary<string, byte[]> files)
    {
        var root = copies.Take();
        await (await ChunkRepository.InitializeAsync(
            new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, TestContext.Current.CancellationToken)).DisposeAsync();
        // The second one does not know of the first.
        var other = copies.Take(root);
        foreach (var place in (string[])[root, other])
        {
            await using var repository = await TestRepository.OpenAsync(new DirectoryStore(place));
            await SampleBackup.WriteAsync(repository, files);
        }

        var first = Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        foreach (var file in Directory.GetFiles(other, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(root, Path.GetRelativePath(other, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (!File.Exists(target)) File.Copy(file, target);
        }

        return (root, first);
    }
}
