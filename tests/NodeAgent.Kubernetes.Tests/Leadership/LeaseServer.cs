using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace NodeAgent.Kubernetes.Tests.Leadership;

/// <summary>Holds one lease and keeps the rules that election rests on: versions, conflicts, one creator.</summary>
internal sealed class LeaseServer
{
    private readonly Lock _gate = new();
    private int _version;

    public JsonObject? Lease { get; private set; }

    /// <summary>Tokens of clients whose requests get no answer.</summary>
    public ConcurrentDictionary<string, bool> CutOff { get; } = new();

    public Task<TestServer> StartAsync() => TestServer.StartAsync(AnswerAsync);

    /// <summary>Writes as somebody would by hand.</summary>
    public void Set(string? holder, string renewTime, int seconds = 15)
    {
        lock (_gate)
        {
            Lease = new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = "controller", ["namespace"] = "velero", ["resourceVersion"] = $"{++_version}" },
                ["spec"] = new JsonObject { ["holderIdentity"] = holder, ["renewTime"] = renewTime, ["leaseDurationSeconds"] = seconds, ["leaseTransitions"] = 4, ["strategy"] = "kept" },
            };
        }
    }

    public string? Spec(string field)
    {
        lock (_gate) return Lease?["spec"]?[field]?.ToString();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var client = context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
        if (CutOff.ContainsKey(client))
        {
            await TestServer.WaitForEndAsync(context);
            return;
        }

        await Answer(context.Request.Method, ((TestServer)context.Items["server"]!).Requests.Last(r => r.Header("Authorization") == $"Bearer {client}").Body)(context);
    }

    private Func<HttpContext, Task> Answer(string method, string body)
    {
        lock (_gate)
        {
            switch (method)
            {
                case "GET":
                    return Lease is null ? TestServer.Status(404, "NotFound", "not found") : TestServer.Json(Lease.ToJsonString());
                case "POST":
                    if (Lease is not null) return TestServer.Status(409, "AlreadyExists", "exists");
                    Lease = JsonNode.Parse(body)!.AsObject();
                    break;
                default:
                    if (Lease is null) return TestServer.Status(404, "NotFound", "not found");
                    var patch = JsonNode.Parse(body)!;
                    if ((string?)patch["metadata"]?["resourceVersion"] != (string?)Lease["metadata"]!["resourceVersion"]) return TestServer.Status(409, "Conflict", "changed");
                    foreach (var (field, value) in patch["spec"]!.AsObject())
                    {
                        if (value is null) Lease["spec"]!.AsObject().Remove(field);
                        else Lease["spec"]![field] = value.DeepClone();
                    }

                    break;
            }

            Lease["metadata"]!["resourceVersion"] = $"{++_version}";
            return TestServer.Json(Lease.ToJsonString());
        }
    }
}
