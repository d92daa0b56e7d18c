namespace NodeAgent.Stores.S3;

/// <summary>A request that was signed here was answered with an error.</summary>
internal sealed class S3RequestException(int status, string code, string message, DateTimeOffset? serverTime) : Exception($"{status} {code}: {message}")
{
    public int Status => status;

    /// <summary>S3's word for it; empty when the answer has none.</summary>
    public string Code => code;

    public string ServerMessage => message;

    /// <summary>The answer's Date.</summary>
    public DateTimeOffset? ServerTime => serverTime;
}
