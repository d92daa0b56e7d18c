namespace NodeAgent.Kubernetes.Leadership;

/// <summary>Which lease, for whom, and how long it holds. The defaults are those of Kubernetes' own controllers.</summary>
public sealed record LeaseElectorOptions
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    /// <summary>Tells the candidates apart: unique to each process.</summary>
    public required string Identity { get; init; }

    /// <summary>
    /// A beginning of <see cref="Identity"/> that no two living processes share, such as the name of a pod: the only other holder that
    /// has it is this process's predecessor, which has ended, so that its lease need not run out. Empty when nothing of the kind is known.
    /// </summary>
    public string Place { get; init; } = "";

    /// <summary>How long others wait after the last sign of life.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A leader that could not renew for this long gives up. What is left of the lease is the time its work has for ending.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Source of the jitter between candidates; used by one thread at a time.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>What is wrong, one sentence each.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (Namespace.Length == 0) errors.Add("Namespace: it is missing");
        if (Name.Length == 0) errors.Add("Name: it is missing");
        if (Identity.Length == 0) errors.Add("Identity: it is missing");
        if (!Identity.StartsWith(Place, StringComparison.Ordinal)) errors.Add("Place: Identity must begin with it, or a successor does not know it again");
        if (LeaseDuration < TimeSpan.FromSeconds(1)) errors.Add("LeaseDuration: at least 1 s is needed, since leases count whole seconds");
        if (RenewDeadline >= LeaseDuration) errors.Add("RenewDeadline: it must be shorter than LeaseDuration, or two lead at once");
        if (RetryPeriod <= TimeSpan.Zero || RetryPeriod >= RenewDeadline) errors.Add("RetryPeriod: it must be shorter than RenewDeadline");
        return errors;
    }
}
