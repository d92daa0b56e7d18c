using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Storage;

namespace NodeAgent.DevCluster.Api;

/// <summary>The rest of lists that were asked for in pages: every page shows the state of the first one's revision.</summary>
internal sealed class ListPages(ObjectStore store)
{
    // A list that is abandoned midway is forgotten once this many newer ones are open; its token then expires.
    private const int OpenLists = 64;

    private readonly Lock _gate = new();
    private readonly LinkedList<(string Id, long Revision, bool IsWhole, List<JsonObject> Items)> _open = new();
    private long _count;

    /// <summary>Cuts a page off a list and describes it.</summary>
    /// <param name="isWhole">Whether nothing was selected: only then is it told how many objects are left.</param>
    public (IReadOnlyList<JsonObject> Page, JsonObject Meta) First(List<JsonObject> all, long revision, int limit, bool isWhole)
    {
        var meta = ApiResponses.ListMeta(revision);
        if (limit <= 0 || all.Count <= limit)
            return (all, meta);
        return Cut(all, revision, limit, isWhole, meta);
    }

    public (IReadOnlyList<JsonObject> Page, JsonObject Meta) Next(string token, int limit)
    {
        string id;
        try
        {
            id = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token));
        }
        catch (FormatException)
        {
            throw ApiException.BadRequest("continue key is not valid");
        }
        (string Id, long Revision, bool IsWhole, List<JsonObject> Items) found;
        lock (_gate)
        {
            found = _open.FirstOrDefault(o => o.Id == id);
        }
        if (found.Items is null || !store.Reaches(found.Revision))
            throw ApiException.Expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.");
        var meta = ApiResponses.ListMeta(found.Revision);
        return limit <= 0 || found.Items.Count <= limit ? (found.Items, meta) : Cut(found.Items, found.Revision, limit, found.IsWhole, meta);
    }

    private (IReadOnlyList<JsonObject> Page, JsonObject Meta) Cut(List<JsonObject> all, long revision, int limit, bool isWhole, JsonObject meta)
    {
        var rest = all[limit..];
        string id;
        lock (_gate)
        {
            id = string.Create(CultureInfo.InvariantCulture, $"{++_count}:{rest[0].Namespace()}/{rest[0].Name()}");
            _open.AddLast((id, revision, isWhole, rest));
            if (_open.Count > OpenLists)
                _open.RemoveFirst();
        }
        meta["continue"] = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(id));
        if (isWhole)
            meta["remainingItemCount"] = rest.Count;
        return (all[..limit], meta);
    }
}
