namespace NodeAgent.Stores.Azure;

/// <summary>A request was answered with an error.</summary>
internal sealed class AzureRequestException(int status, string code, string message, DateTimeOffset? serverTime) : Exception($"{status} {code}: {message}")
{
    public int Status => status;

    /// <summary>The service's word for it; empty when the answer has none.</summary>
    public string Code => code;

    public string ServerMessage => message;

    /// <summary>The answer's Date.</summary>
    public DateTimeOffset? ServerTime => serverTime;

    /// <summary>Whether this machine's clock was to blame and the right time is known by now.</summary>
    public bool IsClockMended { get; init; }
}
