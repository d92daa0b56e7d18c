namespace NodeAgent.Repository.Collection;

/// <summary>A record of collection as it is stored.</summary>
/// <param name="Kind">condemn, absolve, swept or drop.</param>
/// <param name="Number">As in its name.</param>
/// <param name="Packs">Packs as &lt;session&gt;/&lt;hash&gt;.</param>
/// <param name="Marks">Forget marks as &lt;snapshot&gt;/&lt;session&gt;.</param>
internal sealed record CollectionRecordJson(string? Kind, int Number, IReadOnlyList<string>? Packs, IReadOnlyList<string>? Marks);
