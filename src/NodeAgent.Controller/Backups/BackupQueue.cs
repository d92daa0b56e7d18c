using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// The backups that wait for another to end, the one made first in front. Each tells of itself from time to time; one that does not any
/// more was deleted or cannot be read, and holds up nobody. Not for concurrent use.
/// </summary>
internal sealed class BackupQueue(TimeProvider time)
{
    private static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, (string Created, string Name, long SeenAt)> _waiting = new(StringComparer.Ordinal);

    /// <summary>Notes that a backup waits, and answers its place, which begins at 1.</summary>
    public int Join(JsonObject backup)
    {
        var now = time.GetTimestamp();
        foreach (var uid in _waiting.Where(w => time.GetElapsedTime(w.Value.SeenAt, now) > Forgotten).Select(w => w.Key).ToList()) _waiting.Remove(uid);
        var own = (Created: backup.Text("metadata", "creationTimestamp") ?? "", Name: backup.Name());
        _waiting[backup.Uid()] = (own.Created, own.Name, now);
        // The API writes times so that their texts sort as they do.
        return 1 + _waiting.Values.Count(w => string.CompareOrdinal($"{w.Created} {w.Name}", $"{own.Created} {own.Name}") < 0);
    }

    /// <summary>Notes that a backup waits no more.</summary>
    public void Leave(string uid) => _waiting.Remove(uid);
}
