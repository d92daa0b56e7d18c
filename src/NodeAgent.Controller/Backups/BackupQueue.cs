using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// The backups that wait for another to end, the one made first in front. Two that are about the same namespace never run at once, and one that
/// waits for that reason is overtaken by those that are about others. Each tells of itself from time to time; one that does not any more was
/// deleted or cannot be read, and holds up nobody. Not for concurrent use.
/// </summary>
internal sealed class BackupQueue(TimeProvider time)
{
    private static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, (string Order, IncludesExcludes Namespaces, long SeenAt)> _waiting = new(StringComparer.Ordinal);

    /// <summary>Which namespaces a backup is about, however wrong the object may be otherwise.</summary>
    public static IncludesExcludes NamespacesOf(JsonObject backup) => new(Names(backup, "includedNamespaces"), Names(backup, "excludedNamespaces"));

    /// <summary>Notes that a backup waits, and answers its place, which begins at 1.</summary>
    public int Join(JsonObject backup)
    {
        var now = time.GetTimestamp();
        foreach (var uid in _waiting.Where(w => time.GetElapsedTime(w.Value.SeenAt, now) > Forgotten).Select(w => w.Key).ToList()) _waiting.Remove(uid);
        // The API writes times so that their texts sort as they do.
        var order = $"{backup.Text("metadata", "creationTimestamp")} {backup.Name()}";
        _waiting[backup.Uid()] = (order, NamespacesOf(backup), now);
        return 1 + _waiting.Values.Count(w => string.CompareOrdinal(w.Order, order) < 0);
    }

    /// <summary>
    /// Whether a backup that waits can start beside those that run: it shares no namespace with one of them, nor with one that waits before it,
    /// and none of these can start itself, which then comes first.
    /// </summary>
    public bool IsFree(string uid, IReadOnlyCollection<IncludesExcludes> running, IReadOnlyCollection<string> namespaces)
    {
        var ahead = running.ToList();
        foreach (var (other, (_, own, _)) in _waiting.OrderBy(w => w.Value.Order, StringComparer.Ordinal))
        {
            var isFree = !namespaces.Any(n => own.ShouldInclude(n) && ahead.Any(a => a.ShouldInclude(n)));
            if (other == uid || isFree) return other == uid && isFree;
            ahead.Add(own);
        }

        return false;
    }

    /// <summary>Notes that a backup waits no more.</summary>
    public void Leave(string uid) => _waiting.Remove(uid);

    private static IReadOnlyList<string> Names(JsonObject backup, string field) =>
        backup.At("spec", field) is JsonArray list ? [.. list.OfType<JsonValue>().Select(v => v.ToString())] : [];
}
