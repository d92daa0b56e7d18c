using System.CommandLine;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Cli.Machine;

/// <summary>Opens the repository that a command line names.</summary>
internal static class RepositoryAccess
{
    /// <summary>The caller disposes the repository, and with it the store.</summary>
    public static async Task<ChunkRepository> OpenAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var store = RepositoryOptions.StoreOf(parse);
        var mendable = new WarningSeries("nothing is lost so far: run \"nodeagent repo repair packs --read-data\" to mend it", "\"nodeagent repo check --read-data\" names all");
        var segments = new WarningSeries(
            "what only this segment names is found in the packs themselves: run \"nodeagent repo repair index\"", "\"nodeagent repo check\" names all");
        try
        {
            using var secret = RepositorySecrets.Read(parse, isNew: false, cancellationToken);
            var options = new RepositoryOpenOptions
            {
                OnDamagedSegment = damage => segments.Add(damage.Message),
                OnReadByParity = pack => mendable.Add($"{pack}: it is damaged, and was read by its parity"),
            };
            return await ChunkRepository.OpenAsync(store, secret, options, cancellationToken);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }
}
