namespace NodeAgent.Hosting.Health;

/// <summary>Looks whether something works: null when it does, else the reason why not, on one line.</summary>
public delegate ValueTask<string?> HealthCheck(CancellationToken cancellation);
