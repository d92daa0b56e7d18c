using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Sessions;

/// <summary>Stores again what a snapshot that is about to be published uses and what is being collected meanwhile.</summary>
internal sealed class SnapshotRescue(ChunkRepository repository, WriteSession session, ReadOnlyMemory<byte> manifestJson) : ISnapshotRescue
{
    public async Task RescueAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        var root = SnapshotManifest.Parse(manifestJson.Span, "the snapshot to be published").ReadRoot();
        await repository.RefreshIndexAsync(ledger, cancellationToken);
        using var reader = repository.CreateReader();
        var walk = new TreeWalk(new TreeReader(reader.Source, repository.Config.Parameters.Trees));
        await foreach (var reference in walk.ReferencesAsync(root, static (reference, exception) => throw Gone(reference, exception), cancellationToken))
        {
            if (session.Contains(reference.Id)) continue;
            ReadOnlyMemory<byte> content;
            try
            {
                content = await reader.ReadSharedAsync(reference.Kind, reference.Id, ChunkRepository.MaxChunkLength, cancellationToken);
            }
            catch (RepositoryException exception)
            {
                throw Gone(reference, exception);
            }

            await session.StoreAsync(reference.Kind, content, cancellationToken);
        }

        await session.FlushAsync(cancellationToken);
    }

    private static SnapshotAbandonedException Gone(ChunkReference reference, RepositoryException exception) => new($"{reference.Kind} chunk {reference.Id}", exception);
}
