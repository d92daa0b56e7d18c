using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>Reads what packs say of themselves.</summary>
internal static class PackReader
{
    /// <summary>The chunks that a pack's footer names; reads the header and the end of the object only.</summary>
    /// <param name="length">Length of the object.</param>
    /// <exception cref="RepositoryException">The footer cannot be read.</exception>
    public static async Task<PackContents> ReadContentsAsync(ChunkRepository repository, PackId pack, long length, CancellationToken cancellationToken)
    {
        if (length < ObjectHeader.Length + PackFooter.TrailerLength) throw new RepositoryFormatException(pack.Key, length, "the pack is too short");
        var header = new byte[ObjectHeader.Length];
        await repository.Store.ReadAsync(pack.Key, 0, header, cancellationToken);
        await repository.LearnGenerationAsync(header, cancellationToken);
        var trailer = new byte[PackFooter.TrailerLength];
        await repository.Store.ReadAsync(pack.Key, length - trailer.Length, trailer, cancellationToken);
        var footerLength = (int)PackFooter.ReadTrailer(trailer, pack.Key, length);
        var footer = new byte[footerLength];
        await repository.Store.ReadAsync(pack.Key, length - trailer.Length - footerLength, footer, cancellationToken);
        return new PackContents(pack, length, OpenFooter(repository, pack, header, footer, length));
    }

    /// <summary>The chunks that the footer of a pack in memory names.</summary>
    /// <exception cref="RepositoryFormatException">The footer cannot be read.</exception>
    public static PackedChunk[] ReadFooter(ChunkRepository repository, PackId pack, ReadOnlySpan<byte> content)
    {
        if (content.Length < ObjectHeader.Length + PackFooter.TrailerLength) throw new RepositoryFormatException(pack.Key, content.Length, "the pack is too short");
        var length = (int)PackFooter.ReadTrailer(content[^PackFooter.TrailerLength..], pack.Key, content.Length);
        var offset = content.Length - PackFooter.TrailerLength - length;
        return OpenFooter(repository, pack, content[..ObjectHeader.Length], content.Slice(offset, length), content.Length);
    }

    private static PackedChunk[] OpenFooter(ChunkRepository repository, PackId pack, ReadOnlySpan<byte> header, ReadOnlySpan<byte> footer, long packLength)
    {
        var read = ObjectHeader.Read(header, ObjectKind.Pack, repository.RepositoryId, packLength, pack.Key);
        if (!repository.Keyring.Add(read.Session))
            throw new RepositoryFormatException(pack.Key, 24, $"the pack was sealed under key generation {read.Session.Generation}, which {KeyObject.Prefix}{repository.KeyId} does not hold");
        if (footer.Length != read.BodyLength)
            throw new RepositoryFormatException(pack.Key, 28, $"the header says a footer of {read.BodyLength} bytes, the end says {footer.Length}");
        var offset = packLength - PackFooter.TrailerLength - footer.Length;
        var opened = new byte[footer.Length];
        try
        {
            var result = repository.Keyring.Open(footer, PackFooter.AssociatedData(header, offset), opened);
            if (result.Type != EnvelopeType.PackFooter || result.Compressed) throw new EnvelopeException(EnvelopeFailure.InvalidHeader);
            return PackFooter.Decode(result.Payload(opened), pack.Key, offset);
        }
        catch (EnvelopeException exception)
        {
            throw new RepositoryFormatException(pack.Key, offset, $"the footer: {exception.Message}");
        }
    }
}
