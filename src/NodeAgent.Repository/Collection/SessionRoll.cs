using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>The sessions that have objects in the store.</summary>
internal static class SessionRoll
{
    public static async Task<Dictionary<string, SessionState>> ReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var sessions = new Dictionary<string, SessionState>();
        await foreach (var entry in store.ListAsync(SessionState.Prefix, cancellationToken))
        {
            if (entry.Key.Split('/') is not [_, { Length: 16 } name, var part]) continue;
            var state = sessions.GetValueOrDefault(name) ?? new SessionState(name);
            state = state with { Keys = [.. state.Keys, entry.Key] };
            state = part switch
            {
                "end" => state with { Ended = entry.LastModified },
                "revoked" => state with { Revoked = entry.LastModified },
                "0" => state with { Began = entry.LastModified, Newest = Later(state.Newest, entry.LastModified) },
                _ => state with { Newest = Later(state.Newest, entry.LastModified) },
            };
            sessions[name] = state;
        }

        return sessions;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
