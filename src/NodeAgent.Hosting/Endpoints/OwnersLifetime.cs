using Microsoft.Extensions.Hosting;

namespace NodeAgent.Hosting.Endpoints;

/// <summary>
/// A server that runs until its owner disposes it. The default one would stop at SIGTERM by itself, and the probes of a process
/// that comes to its end would find nobody.
/// </summary>
internal sealed class OwnersLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
