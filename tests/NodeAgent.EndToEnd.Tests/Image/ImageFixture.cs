namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>Reads the archive once for all tests of it.</summary>
public sealed class ImageFixture : IDisposable
{
    private readonly SemaphoreSlim one = new(1);
    private ImageArchive? image;

    internal async Task<ImageArchive> ReadAsync()
    {
        var path = ImageArchive.PathOrSkip();
        await one.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return image ??= await ImageArchive.ReadAsync(path, TestContext.Current.CancellationToken);
        }
        finally
        {
            one.Release();
        }
    }

    public void Dispose() => one.Dispose();
}
