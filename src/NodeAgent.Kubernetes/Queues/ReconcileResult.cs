namespace NodeAgent.Kubernetes.Queues;

/// <summary>How a reconciliation ended: what is wanted holds, or has to be looked at again after some time.</summary>
public readonly record struct ReconcileResult
{
    public static readonly ReconcileResult Done;

    public TimeSpan? RequeueAfter { get; private init; }

    public static ReconcileResult After(TimeSpan delay) => new() { RequeueAfter = delay };
}
