using System.Net.Http.Headers;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>A token in a file that somebody else replaces before it runs out. Read again every minute, and when it was refused.</summary>
internal sealed class TokenFileCredential(string path) : Credential
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private AuthenticationHeaderValue? _header;
    private long _readAt;

    public override ValueTask<AuthenticationHeaderValue?> GetAsync(TimeProvider time, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_header is null || time.GetElapsedTime(_readAt) >= Lifetime)
            {
                _header = Read() ?? _header ?? throw new ClusterConfigException($"token file {OneLine.Of(path)} is empty (write a token into it)");
                _readAt = time.GetTimestamp();
            }

            return new ValueTask<AuthenticationHeaderValue?>(_header);
        }
    }

    public override bool Renew(AuthenticationHeaderValue? refused)
    {
        lock (_gate)
        {
            // Somebody else's request may have read the new one already.
            if (_header is null || !_header.Equals(refused)) return true;
            if (Read() is not { } read || read.Equals(refused)) return false;
            _header = read;
            return true;
        }
    }

    /// <summary>Null when the file is empty, as it is for a moment when it is not replaced by renaming.</summary>
    private AuthenticationHeaderValue? Read()
    {
        try
        {
            return File.ReadAllText(path).Trim() is { Length: > 0 } token ? BearerToken.Header(token, $"token file {OneLine.Of(path)}") : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The token in hand is still good for a while.
            return _header ?? throw new ClusterConfigException($"token file {OneLine.Of(path)} cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }
}
