using System.Xml;

namespace NodeAgent.Stores.Requests;

/// <summary>The document by which object stores tell of an error: an element Code and an element Message.</summary>
internal static class ErrorDocument
{
    /// <summary>An error's document has some hundred bytes; what is longer is none.</summary>
    private const int MaxLength = 64 * 1024;

    /// <summary>Empty texts for what is not there.</summary>
    public static async Task<(string Code, string Message)> ReadAsync(Stream content, CancellationToken cancellationToken)
    {
        var (code, message) = ("", "");
        var buffer = new byte[MaxLength];
        var length = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(buffer, 0, length), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            for (var more = reader.Read(); more;)
            {
                if (reader is { NodeType: XmlNodeType.Element, LocalName: "Code" }) code = reader.ReadElementContentAsString();
                else if (reader is { NodeType: XmlNodeType.Element, LocalName: "Message" }) message = reader.ReadElementContentAsString();
                else more = reader.Read();
            }
        }
        catch (XmlException)
        {
            // No document, or that of a proxy: the status is what is known.
        }

        return (code, message);
    }
}
