using System.Text;
using System.Xml;
using NodeAgent.Stores.Azure;

namespace NodeAgent.Stores.Tests.Azure;

public sealed class AzureListPageTests
{
    private const string Listing =
        """
        <?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="c"><Prefix>p/</Prefix><Blobs>
        <Blob><Name>p/one</Name><Properties><Last-Modified>Fri, 20 Nov 2026 10:00:00 GMT</Last-Modified><Content-Length>12</Content-Length><BlobType>BlockBlob</BlobType></Properties><OrMetadata /></Blob>
        <Blob><Name Encoded="true">p/odd%EF%BF%BE%25</Name><Properties><Last-Modified>Fri, 20 Nov 2026 10:00:01 GMT</Last-Modified><Content-Length>0</Content-Length></Properties></Blob>
        <BlobPrefix><Name>p/folder/</Name></BlobPrefix></Blobs><NextMarker>there</NextMarker></EnumerationResults>
        """;

    [Fact]
    public void Objects_folders_and_the_next_page_are_read()
    {
        var page = Read(Listing);
        Assert.Equal(["one", "odd\uFFFE%"], page.Objects.Select(o => o.Key));
        Assert.Equal((12, new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero)), (page.Objects[0].Length, page.Objects[0].LastModified));
        Assert.Equal(["folder/"], page.Folders);
        Assert.Equal("there", page.Next);
        Assert.Null(Read(Listing.Replace("<NextMarker>there</NextMarker>", "<NextMarker />", StringComparison.Ordinal)).Next);
    }

    [Fact]
    public void A_listing_that_is_cut_anywhere_is_none()
    {
        for (var length = 0; length < Listing.Length - 1; length++)
        {
            var cut = Listing[..length];
            Assert.Throws<XmlException>(() => Read(cut));
        }
    }

    [Theory]
    [InlineData("<NextMarker>there</NextMarker>", "")]
    [InlineData("EnumerationResults", "html")]
    [InlineData("<Name>p/one</Name>", "")]
    [InlineData("<Name>p/one</Name>", "<Name>q/one</Name>")]
    public void A_document_that_is_no_listing_of_this_place_is_refused(string part, string instead) =>
        Assert.Throws<XmlException>(() => Read(Listing.Replace(part, instead, StringComparison.Ordinal)));

    private static AzureListPage Read(string text) => AzureListPage.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "p/");
}
