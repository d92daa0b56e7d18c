using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;

namespace NodeAgent.Stores.Buckets;

/// <summary>A folder of an S3 bucket. Small files are one PUT, larger ones come about when their last part is there.</summary>
internal sealed class S3Bucket : RemoteBucket
{
    private const int MaxParts = 10_000;

    private readonly S3Endpoint _endpoint;

    /// <param name="options">Where.</param>
    /// <param name="workDirectory">For large files while they are read.</param>
    public S3Bucket(S3StoreOptions options, string workDirectory)
        : this(options, workDirectory, TimeProvider.System, Random.Shared)
    {
    }

    internal S3Bucket(S3StoreOptions options, string workDirectory, TimeProvider time, Random random)
        : base(workDirectory) => _endpoint = new S3Endpoint(options, time, random);

    public override string Location => _endpoint.Location;

    /// <remarks>Ten thousand parts of this size are the most that S3 allows, 156 GiB; archives beyond have larger parts.</remarks>
    protected override int PartSize => 16 << 20;

    private S3StoreOptions Options => _endpoint.Options;

    /// <remarks>A read of one byte and no HEAD: the answer to a HEAD cannot tell a missing bucket from a missing file.</remarks>
    public override async Task<bool> ExistsAsync(string key, CancellationToken cancellationToken) =>
        (await ReadAsync("looking for", key, 0, 1, null, cancellationToken)).Content is not null;

    public override async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        var body = content.ToArray();
        await _endpoint.RunAsync("writing", _endpoint.Describe(key), Attempt, cancellationToken);

        async ValueTask<bool> Attempt(CancellationToken token)
        {
            await _endpoint.Client.PutObjectAsync(RequestToPut(key, body), token);
            return true;
        }
    }

    public override async Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        // Some servers take no notice of the condition.
        if (await ExistsAsync(key, cancellationToken)) return false;
        var body = content.ToArray();
        var mayBeMine = false;
        switch (await _endpoint.RunAsync("writing", _endpoint.Describe(key), Attempt, cancellationToken))
        {
            case 412 or 304: // 304: how some servers say 412
                // After an attempt whose answer was lost, the file that stands in the way may be this one.
                return mayBeMine && await RemoteFile.HasContentAsync(this, key, content, cancellationToken);
            case 501:
                await PutAsync(key, content, cancellationToken);
                return true;
            default:
                return true;
        }

        async ValueTask<int> Attempt(CancellationToken token)
        {
            var request = RequestToPut(key, body);
            request.IfNoneMatch = "*";
            try
            {
                await _endpoint.Client.PutObjectAsync(request, token);
                return 200;
            }
            catch (Exception e) when (S3Failure.Of(e, Options) is { } failure)
            {
                mayBeMine |= failure.IsAmbiguous;
                if (failure.Status is 412 or 304 or 501) return failure.Status;
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
                await _endpoint.Client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = Options.Bucket, Key = _endpoint.Prefix + key }, token);
            }
            catch (Exception e) when (IsAbsence(e))
            {
                // Some servers say so, S3 does not.
            }

            return true;
        }
    }

    public override Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        RemoteFile.Require(key);
        if (!Options.CustomerKey.IsEmpty)
            throw new Locations.LocationException($"{Location}: its files are encrypted with a key that only this server and the store's readers have, so there is no address that they could be downloaded from");
        return _endpoint.SignDownloadAsync(key, lifetime, cancellationToken);
    }

    public override ValueTask DisposeAsync()
    {
        _endpoint.Dispose();
        return ValueTask.CompletedTask;
    }

    private PutObjectRequest RequestToPut(string key, byte[] body)
    {
        var request = new PutObjectRequest
        {
            BucketName = Options.Bucket,
            Key = _endpoint.Prefix + key,
            InputStream = new MemoryStream(body, writable: false),
            MD5Digest = S3ObjectHeaders.ContentMd5(body),
            UseChunkEncoding = false,
        };
        foreach (var (name, value) in _endpoint.Headers.ForWriting(body.Length, _endpoint.AssumedTime)) request.Headers[name] = value;
        return request;
    }

    protected override string Describe(string key) => _endpoint.Describe(key);

    protected override async ValueTask<(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders, string? Next)> ListPageAsync(string folder, string? delimiter, string? from, int? most, CancellationToken cancellationToken)
    {
        var page = await _endpoint.ListPageAsync(folder, delimiter, from, most, cancellationToken);
        return (page.Objects, page.Folders, page.Next);
    }

    protected override async Task PutInPartsAsync(string key, Stream content, long length, CancellationToken cancellationToken)
    {
        var where = _endpoint.Describe(key);
        var name = _endpoint.Prefix + key;
        var partSize = (int)Math.Max(PartSize, (length + MaxParts - 1) / MaxParts);
        var upload = await _endpoint.RunAsync("writing", where, BeginAsync, cancellationToken);
        try
        {
            var parts = new List<PartETag>();
            var buffer = new byte[partSize];
            for (var left = length; left > 0;)
            {
                var body = buffer.AsMemory(0, (int)Math.Min(left, buffer.Length));
                await content.ReadExactlyAsync(body, cancellationToken);
                left -= body.Length;
                var number = parts.Count + 1;
                parts.Add(new PartETag(number, await _endpoint.RunAsync("writing", where, token => SendPartAsync(number, body.Length, token), cancellationToken)));
            }

            await _endpoint.RunAsync("writing", where, token => CompleteAsync(parts, token), cancellationToken);

            async ValueTask<string> SendPartAsync(int number, int size, CancellationToken token)
            {
                var request = new UploadPartRequest
                {
                    BucketName = Options.Bucket,
                    Key = name,
                    UploadId = upload,
                    PartNumber = number,
                    PartSize = size,
                    InputStream = new MemoryStream(buffer, 0, size, writable: false),
                    MD5Digest = S3ObjectHeaders.ContentMd5(buffer.AsSpan(0, size)),
                    UseChunkEncoding = false,
                };
                if (!Options.CustomerKey.IsEmpty)
                    (request.ServerSideEncryptionCustomerMethod, request.ServerSideEncryptionCustomerProvidedKey, request.ServerSideEncryptionCustomerProvidedKeyMD5) = _endpoint.CustomerKey;
                return (await _endpoint.Client.UploadPartAsync(request, token)).ETag;
            }
        }
        catch
        {
            await TryAbortAsync(name, upload);
            throw;
        }

        async ValueTask<string> BeginAsync(CancellationToken token)
        {
            var request = new InitiateMultipartUploadRequest { BucketName = Options.Bucket, Key = name };
            foreach (var (header, value) in _endpoint.Headers.ForWriting((int)Math.Min(length, int.MaxValue), _endpoint.AssumedTime)) request.Headers[header] = value;
            return (await _endpoint.Client.InitiateMultipartUploadAsync(request, token)).UploadId;
        }

        async ValueTask<bool> CompleteAsync(List<PartETag> parts, CancellationToken token)
        {
            try
            {
                var request = new CompleteMultipartUploadRequest { BucketName = Options.Bucket, Key = name, UploadId = upload, PartETags = parts };
                // S3 wants the key with the parts only; Ceph's gateway here too.
                if (!Options.CustomerKey.IsEmpty)
                    (request.SSECustomerAlgorithm, request.SSECustomerKey, request.SSECustomerKeyMD5) = ("AES256", _endpoint.CustomerKey.Key, _endpoint.CustomerKey.Hash);
                await _endpoint.Client.CompleteMultipartUploadAsync(request, token);
                return true;
            }
            catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchUpload")
            {
                // An attempt whose answer was lost did it, if what is there has this length and as many parts.
                using var there = await TryGetOnceAsync(key, 0, 1, null, token);
                if (there is not null && LengthOf(there) == length && there.ETag.TrimEnd('"').EndsWith($"-{parts.Count}", StringComparison.Ordinal)) return true;
                throw;
            }
        }
    }

    /// <summary>Parts that nobody completes would be billed for ever.</summary>
    private async Task TryAbortAsync(string name, string upload)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await _endpoint.Client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = Options.Bucket, Key = name, UploadId = upload }, limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException || S3Failure.Of(e, Options) is not null)
        {
            // What failed before is what is told.
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
                using var answer = await TryGetOnceAsync(key, offset, count, etag, token);
                if (answer is null) return new RemoteFile.Part(null, null, 0);
                if (offset > 0 && answer.HttpStatusCode != HttpStatusCode.PartialContent)
                    throw new StoreException(StoreFailure.Other, operation, _endpoint.Describe(key), "the server does not know ranges");
                var content = new byte[answer.ContentLength];
                await answer.ResponseStream.ReadExactlyAsync(content, token);
                return new RemoteFile.Part(content, answer.ETag, LengthOf(answer));
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                // An empty file has no first byte.
                return new RemoteFile.Part([], null, 0);
            }
            catch (AmazonServiceException e) when (e.StatusCode == HttpStatusCode.PreconditionFailed)
            {
                throw RemoteFile.Replaced(_endpoint.Describe(key));
            }
        }
    }

    private async Task<GetObjectResponse?> TryGetOnceAsync(string key, long offset, long count, string? etag, CancellationToken token)
    {
        var request = new GetObjectRequest { BucketName = Options.Bucket, Key = _endpoint.Prefix + key, ByteRange = new ByteRange(offset, offset + count - 1), EtagToMatch = etag };
        if (!Options.CustomerKey.IsEmpty)
            (request.ServerSideEncryptionCustomerMethod, request.ServerSideEncryptionCustomerProvidedKey, request.ServerSideEncryptionCustomerProvidedKeyMD5) = _endpoint.CustomerKey;
        try
        {
            return await _endpoint.Client.GetObjectAsync(request, token);
        }
        catch (Exception e) when (IsAbsence(e))
        {
            return null;
        }
    }

    private bool IsAbsence(Exception exception) => S3Failure.Of(exception, Options) is { Kind: StoreFailure.NotFound, Code: not "NoSuchUpload" };

    private static long LengthOf(GetObjectResponse answer) => S3Answer.LengthOf(answer);
}
