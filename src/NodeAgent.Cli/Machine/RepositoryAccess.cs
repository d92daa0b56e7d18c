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
        try
        {
            using var secret = RepositorySecrets.Read(parse, isNew: false, cancellationToken);
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { OnDamagedSegment = WarnOfDamage, OnReadByParity = WarnOfMendable }, cancellationToken);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private static void WarnOfMendable(PackId pack) =>
        StandardStreams.Warn($"{pack}: it is damaged, and was read by its parity: nothing is lost so far (run \"nodeagent repo repair packs --read-data\" to mend it)");

    private static void WarnOfDamage(RepositoryFormatException damage) =>
        StandardStreams.Warn($"{damage.Message}; what only this segment names is found in the packs themselves (run \"nodeagent repo repair index\")");
}
