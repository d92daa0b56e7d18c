using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Connection;

/// <summary>
/// Credentials from a program that the kubeconfig names, as cloud providers ship one (client.authentication.k8s.io). The program
/// is run when the first request needs it, again shortly before what it gave runs out, and when that was refused.
/// </summary>
internal sealed class ExecCredential : Credential
{
    private const string Group = "client.authentication.k8s.io/";
    private const int LongestOutput = 1 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // A request that is sent right before the end arrives after it; clocks differ, too.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly string _where;
    private readonly string _apiVersion;
    private readonly string _command;
    private readonly string _installHint;
    private readonly IReadOnlyList<string> _arguments;
    private readonly IReadOnlyList<(string Name, string Value)> _variables;
    private volatile Issued? _issued;
    private Task<Issued>? _running;

    private ExecCredential(KubeconfigSection exec, KubeconfigSection cluster, Uri server)
    {
        _where = exec.Where("command");
        _apiVersion = exec.Required("apiVersion");
        if (_apiVersion is not (Group + "v1" or Group + "v1beta1"))
            throw exec.Bad("apiVersion", $"\"{OneLine.Of(_apiVersion)}\" is not supported (use {Group}v1)");
        if (exec.Text("interactiveMode") == "Always")
            throw exec.Bad("interactiveMode", "the program needs a terminal and would get none (use IfAvailable or Never, or log in first)");
        var command = exec.Required("command");
        // A name alone is looked up in PATH; a path counts from the kubeconfig.
        _command = command.Contains('/', StringComparison.Ordinal) ? exec.FilePath("command")! : command;
        _installHint = OneLine.Of(exec.Text("installHint") ?? "");
        _arguments = exec.Texts("args");
        var information = ExecInformation(exec.Flag("provideClusterInfo"), cluster, server).ToJsonString();
        _variables = [.. exec.Sections("env").Select(e => (e.Required("name"), e.Text("value") ?? "")), ("KUBERNETES_EXEC_INFO", information)];
    }

    /// <summary>The certificate of the last run; null when it gave a token only.</summary>
    public X509Certificate2? Certificate => _issued?.Certificate;

    public static ExecCredential Create(KubeconfigSection exec, KubeconfigSection cluster, Uri server) => new(exec, cluster, server);

    public override async ValueTask<AuthenticationHeaderValue?> GetAsync(TimeProvider time, CancellationToken cancellation)
    {
        if (_issued is { } known && !IsOver(known, time)) return known.Header;
        Task<Issued> running;
        lock (_gate)
        {
            if (_issued is { } meanwhile && !IsOver(meanwhile, time)) return meanwhile.Header;
            running = _running ??= IssueAsync();
        }

        // One run serves all requests that wait for it, so a request that is cancelled ends its own wait only.
        return (await running.WaitAsync(cancellation)).Header;
    }

    public override bool Renew(AuthenticationHeaderValue? refused)
    {
        if (_issued is { } issued && Equals(issued.Header, refused)) _issued = null;
        return true;
    }

    private static bool IsOver(Issued issued, TimeProvider time) => issued.Expires is { } end && time.GetUtcNow() >= end - Margin;

    private JsonObject ExecInformation(bool withCluster, KubeconfigSection cluster, Uri server)
    {
        var spec = new JsonObject { ["interactive"] = false };
        if (withCluster)
        {
            var about = new JsonObject { ["server"] = server.AbsoluteUri.TrimEnd('/') };
            if (cluster.Content("certificate-authority") is { } authority) about["certificate-authority-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(authority));
            if (cluster.Flag("insecure-skip-tls-verify")) about["insecure-skip-tls-verify"] = true;
            if (cluster.Text("tls-server-name") is { } name) about["tls-server-name"] = name;
            if (cluster.Text("proxy-url") is { } proxy) about["proxy-url"] = proxy;
            spec["cluster"] = about;
        }

        return new JsonObject { ["apiVersion"] = _apiVersion, ["kind"] = "ExecCredential", ["spec"] = spec };
    }

    private async Task<Issued> IssueAsync()
    {
        // Out of the caller's lock first: starting a process takes a while.
        await Task.Yield();
        try
        {
            var issued = Read(await RunAsync());
            _issued = issued;
            return issued;
        }
        finally
        {
            lock (_gate) _running = null;
        }
    }

    private async Task<string> RunAsync()
    {
        var start = new ProcessStartInfo(_command) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in _arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in _variables) start.Environment[name] = value;
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw Failed($"it cannot be started: {OneLine.Of(e.Message)}{(_installHint.Length == 0 ? "" : $" ({_installHint})")}", e);
        }

        using var limit = new CancellationTokenSource(Patience);
        try
        {
            // Nothing to read: a program that asks for a password ends instead of waiting for ever.
            process.StandardInput.Close();
            var output = ReadBoundedAsync(process.StandardOutput, limit.Token);
            var errors = ReadBoundedAsync(process.StandardError, limit.Token);
            await Task.WhenAll(output, errors);
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0)
                throw Failed($"it ended with code {process.ExitCode}: {OneLine.Of((await errors).TrimEnd() is { Length: > 0 } said ? said : "it printed no reason")}", null);
            return await output;
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw Failed($"it did not end within {Patience.TotalSeconds:0} s", e);
        }
    }

    private static async Task<string> ReadBoundedAsync(StreamReader reader, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int read;
        // What exceeds the limit is read and dropped, so that the program does not wait for its reader.
        while ((read = await reader.ReadAsync(buffer, cancellation)) > 0) text.Append(buffer, 0, Math.Min(read, LongestOutput - text.Length));
        return text.ToString();
    }

    private Issued Read(string output)
    {
        JsonObject credential;
        try
        {
            credential = JsonNode.Parse(output) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException e)
        {
            // The output is not repeated: it may hold a secret.
            throw Failed("its output is no ExecCredential in JSON", e);
        }

        if (Text(credential["kind"]) != "ExecCredential") throw Failed("its output is not of kind ExecCredential", null);
        if (Text(credential["apiVersion"]) is var version && version != _apiVersion)
            throw Failed($"its output is of version \"{OneLine.Of(version ?? "")}\", but the kubeconfig asks for {_apiVersion}", null);
        if (credential["status"] is not JsonObject status) throw Failed("its output has no status", null);

        DateTimeOffset? expires = null;
        if (Text(status["expirationTimestamp"]) is { } end)
        {
            expires = DateTimeOffset.TryParse(end, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
                ? time
                : throw Failed($"its expirationTimestamp \"{OneLine.Of(end)}\" is no time", null);
        }

        var certificate = Text(status["clientCertificateData"]);
        var key = Text(status["clientKeyData"]);
        if ((certificate is null) != (key is null)) throw Failed("it gave only one of clientCertificateData and clientKeyData", null);
        var token = Text(status["token"]);
        if (token is null && certificate is null) throw Failed("it gave neither a token nor a client certificate", null);
        return new Issued(
            token is null ? null : BearerToken.Header(token, $"{_where}: the token of {OneLine.Of(_command)}"),
            certificate is null ? null : Certificates.Client(certificate, key!, $"{_where}: {OneLine.Of(_command)}")[0],
            expires);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;

    private ClusterConfigException Failed(string problem, Exception? cause)
    {
        var message = $"{_where}: credential plugin {OneLine.Of(_command)}: {problem}";
        return cause is null ? new ClusterConfigException(message) : new ClusterConfigException(message, cause);
    }

    private sealed record Issued(AuthenticationHeaderValue? Header, X509Certificate2? Certificate, DateTimeOffset? Expires);
}
