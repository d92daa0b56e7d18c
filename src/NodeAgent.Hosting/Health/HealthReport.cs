using System.Text;

namespace NodeAgent.Hosting.Health;

/// <summary>What came of a set of checks.</summary>
/// <param name="Results">Name of each check with its reason for failing, null where it passed.</param>
public sealed record HealthReport(IReadOnlyList<KeyValuePair<string, string?>> Results)
{
    public bool IsHealthy => Results.All(r => r.Value is null);

    /// <summary>Written as Kubernetes' own servers do, which people who debug probes are used to.</summary>
    public string ToText(string endpoint)
    {
        var text = new StringBuilder();
        foreach (var (name, problem) in Results) text.Append(problem is null ? $"[+]{name} ok\n" : $"[-]{name} failed: {problem}\n");
        return text.Append(endpoint).Append(IsHealthy ? " check passed\n" : " check failed\n").ToString();
    }
}
