using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A record of collection: what <c>gc/&lt;session&gt;/&lt;kind&gt;-&lt;number&gt;</c> holds, sealed by that session.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Number">Which of the session's condemn records it is, or is about.</param>
/// <param name="Packs">The packs of a condemn or absolve record.</param>
/// <param name="Marks">The names of the forget marks of a drop record.</param>
internal sealed record CollectionRecord(CollectionRecordKind Kind, int Number, IReadOnlyList<PackId> Packs, IReadOnlyList<string> Marks)
{
    public const string Prefix = "gc/";

    /// <summary>Packs in one record: 400 KB.</summary>
    public const int MaxPacks = 10_000;

    /// <summary>The object's name.</summary>
    public string KeyFor(string session) => KeyOf(session, Kind, Number);

    public static string KeyOf(string session, CollectionRecordKind kind, int number) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Prefix}{session}/{NameOf(kind)}-{number}");

    /// <summary>Reads a name; false for what is not a record's.</summary>
    public static bool TryParseKey(string key, out string session, out CollectionRecordKind kind, out int number)
    {
        (session, kind, number) = ("", default, 0);
        if (!key.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        var slash = key.IndexOf('/', Prefix.Length);
        var dash = key.IndexOf('-', Prefix.Length);
        if (slash != Prefix.Length + 16 || dash < slash || !int.TryParse(key.AsSpan(dash + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out number)) return false;
        session = key[Prefix.Length..slash];
        foreach (var candidate in Enum.GetValues<CollectionRecordKind>())
        {
            if (!key.AsSpan(slash + 1, dash - slash - 1).SequenceEqual(NameOf(candidate))) continue;
            kind = candidate;
            return key == KeyOf(session, kind, number);
        }

        return false;
    }

    public static string NameOf(CollectionRecordKind kind) => kind switch
    {
        CollectionRecordKind.Condemn => "condemn",
        CollectionRecordKind.Absolve => "absolve",
        CollectionRecordKind.Swept => "swept",
        _ => "drop",
    };
}
