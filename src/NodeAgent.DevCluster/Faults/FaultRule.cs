namespace NodeAgent.DevCluster.Faults;

internal sealed class FaultRule(Func<ApiRequest, bool> match)
{
    public Func<ApiRequest, bool> Match { get; } = match;

    public int Left { get; set; }

    public int StatusCode { get; init; }

    public TimeSpan Delay { get; init; }
}
