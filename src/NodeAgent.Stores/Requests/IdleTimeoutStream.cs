namespace NodeAgent.Stores.Requests;

/// <summary>
/// A connection that fails when no byte has moved on it, in either direction, for a while. A time limit for whole requests
/// would have to fit the slowest line and the largest pack; this one fits all.
/// </summary>
internal sealed class IdleTimeoutStream : Stream
{
    private readonly Stream _inner;
    private readonly TimeSpan _limit;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _idle = new();
    private readonly ITimer _timer;
    private long _moved;

    public IdleTimeoutStream(Stream inner, TimeSpan limit, TimeProvider time)
    {
        (_inner, _limit, _time) = (inner, limit, time);
        _moved = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((IdleTimeoutStream)state!).Look(), this, limit, Timeout.InfiniteTimeSpan);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var linked = Link(cancellationToken);
        try
        {
            var read = await _inner.ReadAsync(buffer, linked?.Token ?? _idle.Token);
            Touch();
            return read;
        }
        catch (OperationCanceledException) when (_idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw TimedOut();
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var linked = Link(cancellationToken);
        try
        {
            Touch();
            await _inner.WriteAsync(buffer, linked?.Token ?? _idle.Token);
            Touch();
        }
        catch (OperationCanceledException) when (_idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw TimedOut();
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);

    public override void Flush() => _inner.Flush();

    // The kit parses listings and errors by blocking reads; those have the same limit.
    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count), CancellationToken.None).AsTask().GetAwaiter().GetResult();

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count), CancellationToken.None).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // Not the source of the token: a read that is under way still looks at it.
            _timer.Dispose();
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Touch() => Volatile.Write(ref _moved, _time.GetTimestamp());

    private void Look()
    {
        var left = _limit - _time.GetElapsedTime(Volatile.Read(ref _moved));
        if (left <= TimeSpan.Zero) _idle.Cancel();
        else
        {
            try
            {
                _timer.Change(left, Timeout.InfiniteTimeSpan);
            }
            catch (ObjectDisposedException)
            {
                // The connection was closed meanwhile.
            }
        }
    }

    private CancellationTokenSource? Link(CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _idle.Token) : null;

    private IOException TimedOut()
    {
        var why = $"no byte came or went for {_limit.TotalSeconds:0.#} s";
        return new IOException(why, new TimeoutException(why));
    }
}
