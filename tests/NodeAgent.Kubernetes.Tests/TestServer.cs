using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Tests;

/// <summary>A server on loopback that answers as a test says, and remembers what it was asked.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Func<HttpContext, Task> _answer;

    private TestServer(WebApplication app, Func<HttpContext, Task> answer) => (_app, _answer) = (app, answer);

    public ConcurrentQueue<RecordedRequest> Requests { get; } = new();

    /// <summary>How many more times the server says that it is not ready, when it is asked; that it is asked is not remembered.</summary>
    public int NotReady { get; set; }

    /// <summary>How it says so.</summary>
    public int NotReadyStatus { get; set; } = 500;

    /// <summary>Its checks, as it lists them then.</summary>
    public string NotReadyBody { get; set; } = "[+]ping ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed\n";

    public Uri Address { get; private set; } = null!;

    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    public static async Task<TestServer> StartAsync(Func<HttpContext, Task> answer, X509Certificate2? certificate = null, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            if (certificate is null) return;
            listen.UseHttps(https =>
            {
                https.ServerCertificate = certificate;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.AllowAnyClientCertificate();
            });
        }));
        builder.WebHost.UseKestrelHttpsConfiguration();
        var app = builder.Build();
        var server = new TestServer(app, answer);
        app.UseWebSockets();
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Urls.Single());
        return server;
    }

    /// <summary>Answers the n-th request with the n-th script; the last one goes on.</summary>
    public static Task<TestServer> StartAsync(params Func<HttpContext, Task>[] script)
    {
        var turn = -1;
        return StartAsync(context => script[Math.Min(Interlocked.Increment(ref turn), script.Length - 1)](context));
    }

    public ApiClient Connect(ApiClientOptions? options = null) =>
        new(ClusterConfig.ForServer(Address), options ?? new ApiClientOptions { RetryDelay = TimeSpan.FromMilliseconds(5) });

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    public static Func<HttpContext, Task> Json(string json, int status = 200, int? retryAfter = null) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        if (retryAfter is { } seconds) context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await context.Response.WriteAsync(json);
    };

    public static Func<HttpContext, Task> Status(int code, string reason, string message, int? retryAfter = null, string? details = null) => Json(
        $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}{{(details is null ? "" : $",\"details\":{details}")}}}""",
        code,
        retryAfter);

    /// <summary>What a server says of an object that is not there.</summary>
    public static Func<HttpContext, Task> Missing(string resource, string name) =>
        Status(404, "NotFound", $"{resource} \\\"{name}\\\" not found", details: $$"""{"name":"{{name}}","kind":"{{resource}}"}""");

    /// <summary>Plain text, as of a path that nobody serves.</summary>
    public static Func<HttpContext, Task> Text(string text, int status) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(text);
    };

    /// <summary>Closes the connection without an answer.</summary>
    public static Task Drop(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Sends lines as a watch does, then ends it.</summary>
    public static Func<HttpContext, Task> Lines(params string[] lines) => async context =>
    {
        foreach (var line in lines) await SendLineAsync(context, line);
    };

    /// <summary>Sends lines and stays silent until the client goes or the server stops.</summary>
    public static Func<HttpContext, Task> LinesThenSilence(params string[] lines) => async context =>
    {
        foreach (var line in lines) await SendLineAsync(context, line);
        await context.Response.Body.FlushAsync();
        await WaitForEndAsync(context);
    };

    public static async Task WaitForEndAsync(HttpContext context)
    {
        var lifetime = (Microsoft.Extensions.Hosting.IHostApplicationLifetime)context.RequestServices.GetService(typeof(Microsoft.Extensions.Hosting.IHostApplicationLifetime))!;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var ended = new TaskCompletionSource();
        await using var registration = either.Token.Register(ended.SetResult);
        await ended.Task;
    }

    public static async Task SendLineAsync(HttpContext context, string line)
    {
        await context.Response.WriteAsync(line + "\n");
        await context.Response.Body.FlushAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path == "/readyz")
        {
            var isReady = NotReady-- <= 0;
            context.Response.StatusCode = isReady ? 200 : NotReadyStatus;
            await context.Response.WriteAsync(isReady ? "ok" : NotReadyBody);
            return;
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Requests.Enqueue(new RecordedRequest(
            context.Request.Method, context.Request.Path.Value!, context.Request.QueryString.Value!, Encoding.UTF8.GetString(body.ToArray()),
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        context.Items["server"] = this;
        await _answer(context);
    }
}
