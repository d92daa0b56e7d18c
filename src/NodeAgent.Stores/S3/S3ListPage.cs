using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.S3;

/// <summary>
/// A page of a listing. Less than all must never look like all: what a listing lacks counts as gone. So an answer that is
/// none, or does not say how it goes on, is refused.
/// </summary>
/// <param name="Objects">Names are relative to the endpoint's prefix, and may be any that others made.</param>
/// <param name="Folders">What stands for several objects when a delimiter was given, likewise.</param>
/// <param name="Next">Where the next page begins; null when this is the last one.</param>
internal sealed record S3ListPage(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders, string? Next)
{
    /// <param name="answer">The server's.</param>
    /// <param name="from">The token that was asked with.</param>
    /// <param name="root">The endpoint's prefix.</param>
    /// <param name="folder">What was asked for below it.</param>
    /// <param name="where">The place, for messages.</param>
    /// <exception cref="StoreException">It cannot be relied on.</exception>
    public static S3ListPage Of(ListObjectsV2Response answer, string? from, string root, string folder, string where)
    {
        var objects = new List<StoreEntry>();
        foreach (var found in answer.S3Objects ?? [])
        {
            if (found.LastModified is not { } written) throw Refused("it does not say when objects were written");
            objects.Add(new StoreEntry(NameOf(found.Key), found.Size ?? 0, new DateTimeOffset(written.ToUniversalTime())));
        }

        var folders = (answer.CommonPrefixes ?? []).Select(NameOf).ToList();
        if (answer.IsTruncated is not { } isTruncated) throw Refused("it does not say whether it is complete");
        if (!isTruncated) return new S3ListPage(objects, folders, null);
        return answer.NextContinuationToken is { Length: > 0 } next && next != from
            ? new S3ListPage(objects, folders, next)
            : throw Refused("it is not complete and does not say how it goes on");

        string NameOf(string encoded)
        {
            var name = answer.Encoding == EncodingType.Url ? Uri.UnescapeDataString(encoded.Replace('+', ' ')) : encoded;
            return name.StartsWith(root + folder, StringComparison.Ordinal) ? name[root.Length..] : throw Refused("it names objects that are not below the prefix that was asked for");
        }

        StoreException Refused(string why) => new(
            StoreFailure.Other, "listing", where, $"the server's answer is no list of objects: {why}", "is the endpoint an S3 server that knows ListObjectsV2, without a proxy that answers for it?");
    }
}
