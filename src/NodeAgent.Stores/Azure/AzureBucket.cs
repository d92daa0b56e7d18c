using System.Globalization;
using System.Net;
using System.Text;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Stores.Azure;

/// <summary>The files of backups in a folder of a container. Small files are one request, larger ones come about when the list of their blocks is put.</summary>
internal sealed class AzureBucket : RemoteBucket
{
    /// <summary>What the service takes at most.</summary>
    private const int MaxBlocks = 50_000;

    private readonly AzureEndpoint _endpoint;

    /// <param name="options">Where.</param>
    /// <param name="workDirectory">For large files while they are read.</param>
    public AzureBucket(AzureStoreOptions options, string workDirectory)
        : this(options, workDirectory, TimeProvider.System, Random.Shared)
    {
    }

    internal AzureBucket(AzureStoreOptions options, string workDirectory, TimeProvider time, Random random)
        : base(workDirectory) => _endpoint = new AzureEndpoint(options, time, random);

    public override string Location => _endpoint.Location;

    protected override int PartSize => _endpoint.Options.BlockSize;

    public override async Task<bool> ExistsAsync(string key, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        return await _endpoint.RunAsync("looking for", _endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                using var answer = await _endpoint.SendAsync(HttpMethod.Head, key, "", [], null, token);
                return true;
            }
            catch (AzureRequestException e) when (IsAbsence(e))
            {
                return false;
            }
        }
    }

    public override async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        await SendAsync("writing", HttpMethod.Put, key, "", AzureEndpoint.HeadersForPut(content.Span), content, cancellationToken);
    }

    public override async Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        var headers = AzureEndpoint.HeadersForPut(content.Span);
        headers.Add(new("If-None-Match", "*"));
        var mayBeMine = false;
        if (await _endpoint.RunAsync("writing", _endpoint.Describe(key), Attempt, cancellationToken)) return true;
        // After an attempt whose answer was lost, the file that stands in the way may be this one.
        return mayBeMine && await RemoteFile.HasContentAsync(this, key, content, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                (await _endpoint.SendAsync(HttpMethod.Put, key, "", headers, content, token)).Dispose();
                return true;
            }
            catch (AzureRequestException e) when (e is { Status: 412 } or { Status: 409, Code: "BlobAlreadyExists" })
            {
                return false;
            }
            catch (Exception e) when (AzureFailure.Of(e, _endpoint.Options) is { IsAmbiguous: true })
            {
                mayBeMine = true;
                throw;
            }
        }
    }

    public override async Task DeleteAsync(string key, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        await _endpoint.RunAsync("deleting", _endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            try
            {
                (await _endpoint.SendAsync(HttpMethod.Delete, key, "", [new("x-ms-delete-snapshots", "include")], null, token)).Dispose();
            }
            catch (AzureRequestException e) when (IsAbsence(e))
            {
                // It counts as deleted.
            }

            return true;
        }
    }

    public override Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken) => _endpoint.SignDownloadAsync(RemoteFile.Require(key), lifetime, cancellationToken);

    public override ValueTask DisposeAsync()
    {
        _endpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override string Describe(string key) => _endpoint.Describe(key);

    protected override async ValueTask<(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders, string? Next)> ListPageAsync(string folder, string? delimiter, string? from, int? most, CancellationToken cancellationToken)
    {
        var page = await _endpoint.ListPageAsync(folder, delimiter, from, most, cancellationToken);
        return (page.Objects, page.Folders, page.Next);
    }

    protected override async Task PutInPartsAsync(string key, Stream content, long length, CancellationToken cancellationToken)
    {
        var size = (int)Math.Max(PartSize, (length + MaxBlocks - 1) / MaxBlocks);
        // Of this upload only: another of the same name may be under way, and blocks that nobody lists are dropped by the service after a week.
        var upload = Guid.NewGuid().ToString("N");
        var list = new StringBuilder("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        var buffer = new byte[size];
        var number = 0;
        for (var left = length; left > 0; number++)
        {
            var body = buffer.AsMemory(0, (int)Math.Min(left, size));
            await content.ReadExactlyAsync(body, cancellationToken);
            left -= body.Length;
            var id = Convert.ToBase64String(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{upload}-{number:D6}")));
            list.Append("<Latest>").Append(id).Append("</Latest>");
            await SendAsync("writing", HttpMethod.Put, key, $"?comp=block&blockid={Uri.EscapeDataString(id)}", [new("Content-MD5", AzureEndpoint.Md5(body.Span))], body, cancellationToken);
        }

        // A repetition of an attempt whose answer was lost lists the same blocks, which are then those of the blob itself.
        var document = Encoding.UTF8.GetBytes(list.Append("</BlockList>").ToString());
        await SendAsync("writing", HttpMethod.Put, key, "?comp=blocklist", [new("Content-MD5", AzureEndpoint.Md5(document))], document, cancellationToken);
    }

    private async Task SendAsync(string operation, HttpMethod method, string key, string query, IReadOnlyList<KeyValuePair<string, string>> headers, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await _endpoint.RunAsync(operation, _endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            (await _endpoint.SendAsync(method, key, query, headers, body, token)).Dispose();
            return true;
        }
    }

    protected override async Task<RemoteFile.Part> ReadAsync(string operation, string key, long offset, int count, string? etag, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        return await _endpoint.RunAsync(operation, _endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<RemoteFile.Part> Attempt(CancellationToken token)
        {
            try
            {
                KeyValuePair<string, string>[] headers = etag is null ? [AzureEndpoint.Range(offset, count)] : [AzureEndpoint.Range(offset, count), new("If-Match", etag)];
                using var answer = await _endpoint.SendAsync(HttpMethod.Get, key, "", headers, null, token);
                if (offset > 0 && answer.StatusCode != HttpStatusCode.PartialContent)
                    throw new StoreException(StoreFailure.Other, operation, _endpoint.Describe(key), "the server does not know ranges");
                var content = await answer.Content.ReadAsByteArrayAsync(token);
                var length = answer.Content.Headers.ContentRange?.Length ?? content.Length;
                return new RemoteFile.Part(content, answer.Headers.ETag?.ToString(), length);
            }
            catch (AzureRequestException e) when (IsAbsence(e))
            {
                return new RemoteFile.Part(null, null, 0);
            }
            catch (AzureRequestException e) when (e.Status == (int)HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                // An empty file has no first byte.
                return new RemoteFile.Part([], null, 0);
            }
            catch (AzureRequestException e) when (e.Status == (int)HttpStatusCode.PreconditionFailed)
            {
                throw RemoteFile.Replaced(_endpoint.Describe(key));
            }
        }
    }

    private bool IsAbsence(AzureRequestException exception) => AzureFailure.Of(exception, _endpoint.Options) is { Kind: StoreFailure.NotFound };
}
