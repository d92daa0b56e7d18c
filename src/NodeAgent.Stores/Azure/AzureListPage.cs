using System.Globalization;
using System.Xml;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Azure;

/// <summary>One page of a listing.</summary>
/// <param name="Objects">Keys relative to the place.</param>
/// <param name="Folders">Names relative to the place, with the delimiter at their end.</param>
/// <param name="Next">Where the next page begins; null when this is the last.</param>
internal sealed record AzureListPage(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders, string? Next)
{
    /// <summary>Reads the service's document.</summary>
    /// <param name="document">All of it.</param>
    /// <param name="prefix">What every name begins with and is left away.</param>
    /// <exception cref="XmlException">It is cut, or another document.</exception>
    public static AzureListPage Read(Stream document, string prefix)
    {
        var (objects, folders, next) = (new List<StoreEntry>(), new List<string>(), (string?)null);
        using var reader = XmlReader.Create(document, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, IgnoreWhitespace = true });
        reader.MoveToContent();
        if (reader.LocalName != "EnumerationResults") throw new XmlException($"a document {reader.LocalName} instead of a listing");
        var hasEnd = false;
        for (var more = reader.Read(); more;)
        {
            switch (reader.NodeType, reader.LocalName)
            {
                case (XmlNodeType.Element, "Blob"):
                    objects.Add(ReadBlob(reader, prefix));
                    break;
                case (XmlNodeType.Element, "BlobPrefix"):
                    folders.Add(ReadFolder(reader, prefix));
                    break;
                case (XmlNodeType.Element, "NextMarker"):
                    // There in every listing, empty in the last page: without it the document is of something else.
                    hasEnd = true;
                    next = reader.ReadElementContentAsString();
                    break;
                default:
                    more = reader.Read();
                    break;
            }
        }

        if (!hasEnd) throw new XmlException("a listing that does not say whether it is the last");
        return new AzureListPage(objects, folders, string.IsNullOrEmpty(next) ? null : next);
    }

    private static StoreEntry ReadBlob(XmlReader reader, string prefix)
    {
        string? name = null;
        var (length, modified) = (0L, default(DateTimeOffset));
        using var blob = reader.ReadSubtree();
        for (var more = blob.Read(); more;)
        {
            switch (blob.NodeType, blob.LocalName)
            {
                case (XmlNodeType.Element, "Name"):
                    name = ReadName(blob);
                    break;
                case (XmlNodeType.Element, "Content-Length"):
                    length = long.Parse(blob.ReadElementContentAsString(), NumberStyles.None, CultureInfo.InvariantCulture);
                    break;
                case (XmlNodeType.Element, "Last-Modified"):
                    modified = DateTimeOffset.Parse(blob.ReadElementContentAsString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
                    break;
                default:
                    more = blob.Read();
                    break;
            }
        }

        return new StoreEntry(Relative(name, prefix), length, modified);
    }

    private static string ReadFolder(XmlReader reader, string prefix)
    {
        string? name = null;
        using var folder = reader.ReadSubtree();
        for (var more = folder.Read(); more;)
        {
            if (folder is { NodeType: XmlNodeType.Element, LocalName: "Name" }) name = ReadName(folder);
            else more = folder.Read();
        }

        return Relative(name, prefix);
    }

    /// <summary>One that XML cannot hold is encoded and says so.</summary>
    private static string ReadName(XmlReader reader)
    {
        var isEncoded = reader.GetAttribute("Encoded") == "true";
        var name = reader.ReadElementContentAsString();
        return isEncoded ? Uri.UnescapeDataString(name) : name;
    }

    private static string Relative(string? name, string prefix) => name is not null && name.StartsWith(prefix, StringComparison.Ordinal)
        ? name[prefix.Length..]
        : throw new XmlException($"a listing below \"{prefix}\" that holds {(name is null ? "an entry without a name" : $"\"{name}\"")}");
}
