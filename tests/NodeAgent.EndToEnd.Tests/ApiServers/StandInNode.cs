using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NodeAgent.DevCluster;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Interop;
using NodeAgent.DevCluster.Kubelet;
using NodeAgent.DevCluster.Objects;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>
/// A node of a real API server without containers: it registers itself, stays ready, makes the emptyDir volumes of its pods, reports
/// their containers as running, lets restored pods wait for their files, and answers exec and logs that the API server asks for.
/// </summary>
internal sealed class StandInNode : IAsyncDisposable
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);
    private static readonly ResourceKind Leases = KubernetesResources.Leases;

    private readonly ApiClient _api;
    private readonly string _name;
    private readonly string _pods;
    private readonly Func<PodExecRequest, CancellationToken, Task<PodExecResult>> _exec;
    private readonly CancellationTokenSource _stop = new();
    private WebApplication _kubelet = null!;
    private Task _loop = Task.CompletedTask;

    private StandInNode(ApiClient api, string name, string pods, Func<PodExecRequest, CancellationToken, Task<PodExecResult>> exec) => (_api, _name, _pods, _exec) = (api, name, pods, exec);

    /// <param name="api">An administrator's; it stays the caller's.</param>
    /// <param name="pods">The directory that a kubelet has at /var/lib/kubelet/pods.</param>
    public static async Task<StandInNode> StartAsync(ApiClient api, string name, string pods, Func<PodExecRequest, CancellationToken, Task<PodExecResult>> exec, CancellationToken cancellation)
    {
        var node = new StandInNode(api, name, pods, exec);
        Directory.CreateDirectory(pods);
        var port = await node.ServeAsync(cancellation);
        await api.CreateAsync(KubernetesResources.Nodes, null, new KubernetesObject((JsonObject)JsonNode.Parse($$"""
            {"apiVersion":"v1","kind":"Node","metadata":{"name":"{{name}}","labels":{"kubernetes.io/hostname":"{{name}}","kubernetes.io/os":"linux"} } }
            """)!), cancellation);
        await node.BeatAsync(cancellation);
        await api.PatchStatusAsync(KubernetesResources.Nodes, null, name, (JsonObject)JsonNode.Parse($$"""
            {"capacity":{"cpu":"64","memory":"256Gi","pods":"500","ephemeral-storage":"500Gi"},"allocatable":{"cpu":"64","memory":"256Gi","pods":"500","ephemeral-storage":"500Gi"},
             "conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","message":"stand-in kubelet","lastHeartbeatTime":"{{Now}}","lastTransitionTime":"{{Now}}"}],
             "addresses":[{"type":"InternalIP","address":"127.0.0.1"},{"type":"Hostname","address":"{{name}}"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":{{port}} } } }
            """)!, null, cancellation);
        node._loop = node.RunAsync();
        return node;
    }

    /// <summary>Where the files of a pod's emptyDir are.</summary>
    public string VolumeOf(string uid, string volume) => Path.Combine(_pods, uid, "volumes", "kubernetes.io~empty-dir", volume);

    /// <summary>Ends the pods that are left on the node and takes it out of the cluster.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        await foreach (var pod in _api.ListAsync(KubernetesResources.Pods, null, new ListOptions { FieldSelector = $"spec.nodeName={_name}" }, CancellationToken.None)) await EndAsync(pod);
        await _api.DeleteAsync(KubernetesResources.Nodes, null, _name, new DeleteOptions(), CancellationToken.None);
        await _api.DeleteAsync(Leases, "kube-node-lease", _name, new DeleteOptions(), CancellationToken.None);
        await _kubelet.StopAsync();
        await _kubelet.DisposeAsync();
        _stop.Dispose();
    }

    private static string Now => ApiTime.Format(DateTimeOffset.UtcNow);

    /// <summary>The kubelet's own server, which the API server passes exec and logs on to. Answers its port.</summary>
    private async Task<int> ServeAsync(CancellationToken cancellation)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stand-in kubelet", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            // The API server passes the client's upgrade on as it came, which is HTTP/1.1.
            listen.Protocols = HttpProtocols.Http1;
            listen.UseHttps(certificate);
        }));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(200));
        _kubelet = builder.Build();
        _kubelet.UseWebSockets();
        _kubelet.Run(AnswerAsync);
        await _kubelet.StartAsync(cancellation);
        return new Uri(_kubelet.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (path is ["exec", var ns, var pod, var container] && context.WebSockets.IsWebSocketRequest)
        {
            var request = new PodExecRequest(ns, pod, container, [.. context.Request.Query["command"].Select(c => c ?? "")], ReadOnlyMemory<byte>.Empty);
            // The kubelets of many releases speak this version only.
            await ExecSocket.ServeAsync(context, "v4.channel.k8s.io", request, _exec);
        }
        else if (path is ["containerLogs", _, _, var logged])
        {
            await context.Response.WriteAsync($"{logged}: no container runs here\n");
        }
        else
        {
            context.Response.StatusCode = 404;
        }
    }

    private async Task RunAsync()
    {
        var beat = DateTime.UtcNow;
        var known = new HashSet<string>();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (DateTime.UtcNow - beat > Heartbeat)
                {
                    await BeatAsync(_stop.Token);
                    beat = DateTime.UtcNow;
                }

                var here = new HashSet<string>();
                await foreach (var pod in _api.ListAsync(KubernetesResources.Pods, null, new ListOptions { FieldSelector = $"spec.nodeName={_name}" }, _stop.Token))
                {
                    here.Add(pod.Uid);
                    if (pod.DeletionTimestamp is not null) await EndAsync(pod);
                    else if (pod.Json.Text("status", "phase") == "Pending") await StartAsync(pod.Json);
                }

                foreach (var gone in known.Except(here)) DirectoryTree.Remove(Path.Combine(_pods, gone));
                known = here;
                await Task.Delay(Round, _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or Kubernetes.Api.ApiException or HttpRequestException or IOException)
            {
                // A pod changed underneath, or the server is busy: the next round sees what is there.
            }
        }
    }

    private async Task StartAsync(JsonObject pod)
    {
        foreach (var volume in pod.Items("spec", "volumes").Where(v => v.FindObject("emptyDir") is not null)) Directory.CreateDirectory(VolumeOf(pod.Uid(), volume.Text("name")));
        var before = pod.FindObject("status")!.DeepClone();
        var waiting = PodReport.WaitingInitContainer(pod, (p, volume) => volume.FindObject("emptyDir") is null ? null : VolumeOf(p.Uid(), volume.Text("name")));
        var status = pod.Child("status");
        status["hostIP"] = "127.0.0.1";
        status.SetDefault("startTime", Now);
        // Nothing listens there, but endpoints have it.
        status["podIP"] = $"10.244.{Convert.ToInt32(pod.Uid()[..2], 16)}.{1 + (Convert.ToInt32(pod.Uid()[2..4], 16) % 254)}";
        status["podIPs"] = new JsonArray(new JsonObject { ["ip"] = status.Text("podIP") });
        PodReport.Started(pod, waiting, Now);
        if (!JsonNode.DeepEquals(before, status)) await _api.PatchStatusAsync(KubernetesResources.Pods, pod.Namespace(), pod.Name(), status, null, _stop.Token);
    }

    /// <summary>Containers that do not run end at once.</summary>
    private async Task EndAsync(KubernetesObject pod)
    {
        DirectoryTree.Remove(Path.Combine(_pods, pod.Uid));
        await _api.DeleteAsync(KubernetesResources.Pods, pod.Namespace, pod.Name, new DeleteOptions { GracePeriodSeconds = 0 }, CancellationToken.None);
    }

    private async Task BeatAsync(CancellationToken cancellation)
    {
        var now = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
        var spec = new JsonObject { ["holderIdentity"] = _name, ["leaseDurationSeconds"] = 40, ["renewTime"] = now };
        var lease = new KubernetesObject(Leases, "kube-node-lease", _name);
        lease.Json["spec"] = spec;
        await _api.ApplyAsync(Leases, "kube-node-lease", _name, lease, "stand-in-kubelet", force: true, cancellation);
    }
}
