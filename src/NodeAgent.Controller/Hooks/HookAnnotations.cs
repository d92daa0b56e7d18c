using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Hooks;

/// <summary>The annotations of a pod that describe a hook. What in them cannot be meant is noted, and does not keep the hook from being run.</summary>
internal sealed class HookAnnotations(JsonObject pod, string prefix)
{
    /// <summary>Whoever may annotate a pod is not to hold up the backups of everybody else for days.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromHours(4);

    private readonly List<string> _mistakes = [];

    public string? Mistake => _mistakes.Count == 0 ? null : string.Join("; ", _mistakes);

    /// <summary>The value, or null when it is missing or empty.</summary>
    public string? Text(string name) => pod.Annotation(prefix + name) is { Length: > 0 } value ? value : null;

    public TimeSpan Duration(string name, TimeSpan otherwise)
    {
        if (Text(name) is not { } text) return otherwise;
        if (GoDuration.TryParse(text, out var duration))
        {
            if (duration <= Longest) return duration > TimeSpan.Zero ? duration : otherwise;
            Note(name, text, "longer than an annotation may ask for (a Backup's or Restore's spec.hooks may)", GoDuration.Format(Longest));
            return Longest;
        }

        Note(name, text, "no duration such as 30s or 2m", GoDuration.Format(otherwise));
        return otherwise;
    }

    /// <summary>Whether a failure counts, of the values Fail and Continue.</summary>
    public bool Fails(bool otherwise)
    {
        if (Text("on-error") is not { } text) return otherwise;
        if (text is "Fail" or "Continue") return text == "Fail";
        Note("on-error", text, "neither Fail nor Continue", otherwise ? "Fail" : "Continue");
        return otherwise;
    }

    public bool Flag(string name)
    {
        if (Text(name) is not { } text) return false;
        // What Go takes for true and false.
        if (text is "1" or "t" or "T" or "true" or "True" or "TRUE") return true;
        if (text is not ("0" or "f" or "F" or "false" or "False" or "FALSE")) Note(name, text, "neither true nor false", "false");
        return false;
    }

    private void Note(string name, string text, string what, string instead) => _mistakes.Add($"annotation {prefix}{name} is \"{text}\", {what}; {instead} is used");
}
