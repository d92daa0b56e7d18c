using System.Globalization;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Benchmarks.Growth;

/// <summary>
/// Many snapshots of a directory in one process, each after one of its files changed, as a year of schedules makes them: what bench/scenarios/growth then times is
/// the product's command line. A repository that is opened anew for each snapshot would only take longer to fill.
/// </summary>
internal static class SnapshotSeries
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var directory, var keyFile, var source, var count])
        {
            await Console.Error.WriteLineAsync("usage: snapshots REPOSITORY KEYFILE SOURCE COUNT");
            return 2;
        }

        using var secret = RepositorySecret.FromKeyFile(await File.ReadAllBytesAsync(keyFile));
        await using var repository = await ChunkRepository.OpenAsync(new DirectoryStore(directory), secret, new RepositoryOpenOptions(), default);
        var files = Directory.GetFiles(source, "*", SearchOption.AllDirectories);
        Array.Sort(files, StringComparer.Ordinal);
        var request = new BackupRequest
        {
            SourcePath = source,
            Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = source },
            Hostname = Environment.MachineName,
            Sources = new SnapshotSourceCache(),
        };
        for (var i = 0; i < int.Parse(count, CultureInfo.InvariantCulture); i++)
        {
            // Another file each time, so that each snapshot keeps something that no other has.
            await File.AppendAllTextAsync(files[i * 7 % files.Length], $"snapshot {i}\n");
            var result = await BackupRun.ExecuteAsync(repository, request, null, default);
            if (!result.IsComplete) throw new InvalidOperationException($"snapshot {i} is not complete");
        }

        return 0;
    }
}
