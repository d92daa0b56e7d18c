using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Repair;

/// <summary>Repositories in which every chunk lies in two packs, each written by a session of its own.</summary>
internal static class TwinRepository
{
    /// <summary>Makes one with a snapshot for each of two sessions; returns its directory and the packs of the first.</summary>
    /// <param name="copies">Where it is made.</param>
    /// <param name="files">What both snapshots hold.</param>
    /// <param name="isSecondNamed">Whether the index names the packs of the second, too.</param>
    public static async Task<(string Root, List<string> FirstPacks)> CreateAsync(RepositoryCopies copies, SortedDictionary<string, byte[]> files, bool isSecondNamed = true)
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
            var relative = Path.GetRelativePath(other, file);
            if (!isSecondNamed && relative.StartsWith("index/", StringComparison.Ordinal)) continue;
            var target = Path.Combine(root, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (!File.Exists(target)) File.Copy(file, target);
        }

        return (root, first);
    }
}
