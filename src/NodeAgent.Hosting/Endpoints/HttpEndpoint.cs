using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace NodeAgent.Hosting.Endpoints;

/// <summary>Plain HTTP at one address, without bodies of requests.</summary>
public sealed class HttpEndpoint : IAsyncDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);

    private readonly WebApplication _app;

    private HttpEndpoint(WebApplication app) => _app = app;

    /// <summary>Where it listens, with the port that it got.</summary>
    public Uri Address { get; private set; } = null!;

    /// <param name="address">Where to listen.</param>
    /// <param name="answer">Answers every request.</param>
    /// <param name="cancellation">Stops the start.</param>
    /// <exception cref="IOException">The address cannot be listened on; the message names it.</exception>
    public static async Task<HttpEndpoint> StartAsync(ListenAddress address, RequestDelegate answer, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(address);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime>(new OwnersLifetime());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            void Http1(ListenOptions listen) => listen.Protocols = HttpProtocols.Http1;
            if (address.Address is null) kestrel.ListenAnyIP(address.Port, Http1);
            else kestrel.Listen(address.Address, address.Port, Http1);
        });
        var app = builder.Build();
        app.Run(answer);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            // Kestrel says "address in use" but only sometimes which.
            if (e is IOException or System.Net.Sockets.SocketException)
                throw new IOException($"{address.Address?.ToString() ?? "any address"} port {address.Port} cannot be listened on: {e.Message.ReplaceLineEndings(" ")}", e);
            throw;
        }

        var bound = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new HttpEndpoint(app) { Address = new Uri(bound.Replace("://+:", "://[::]:", StringComparison.Ordinal)) };
    }

    public async ValueTask DisposeAsync()
    {
        // Answers are short; a connection that is still open after this is an idle one.
        using var limit = new CancellationTokenSource(StopPatience);
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }
}
