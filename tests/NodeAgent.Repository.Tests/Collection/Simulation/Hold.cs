namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>
/// A place where actors of a schedule tend to be held up: before a request of one kind for names of one prefix. A long wait alone seldom meets what somebody else does
/// at that moment; so it may end when somebody else has just done something.
/// </summary>
/// <param name="Who">The first letter of the actors' names; empty for all.</param>
/// <param name="At">The request and the beginning of the name: "put snap/". "body" is between the moment at which the store accepts a request and that at which it takes effect.</param>
/// <param name="Chance">How likely it is each time.</param>
/// <param name="Hours">How long at most.</param>
/// <param name="Until">A change by another actor that ends it: "put gc/"; empty for none.</param>
internal sealed record Hold(string Who, string At, double Chance, double Hours, string Until = "")
{
    private static readonly string[] Places =
    [
        "w put data/", "w put index/", "w fence", "w put snap/", "w body snap/", "w list gc/", "w list data/", "w list index/", "w put sess/",
        "g put gc/", "g fence", "g delete data/", "g body data/", "g put index/", "g body index/", "g list snap/", "g list gc/", "g list sess/", "g list data/", "g delete gc/", "g delete sess/",
        "f fence", "f delete forget/", "f body forget/", "m put index/", "m list data/",
    ];

    private static readonly string[] Events = ["", "", "put gc/", "delete data/", "put sess/", "delete gc/", "put index/", "put snap/", "delete forget/"];

    /// <summary>Whether the request fails here, with an error that the actor sees, instead of being late.</summary>
    public bool Fails { get; init; }

    public static Hold Draw(Random random)
    {
        var place = Places[random.Next(Places.Length)];
        return new Hold(place[..1], place[2..], random.Next(2) == 0 ? 0.3 : 1, random.Next(3) switch { 0 => 0.08, 1 => 1.5, _ => 110 }, Events[random.Next(Events.Length)]) { Fails = random.Next(6) == 0 };
    }

    public bool Meets(string actor, string request, string key) => actor.StartsWith(Who, StringComparison.Ordinal) && IsAt(At, request, key);

    public static bool IsAt(string place, string request, string key) =>
        place.StartsWith(request, StringComparison.Ordinal) && (place.Length == request.Length || (place[request.Length] == ' ' && key.AsSpan().StartsWith(place.AsSpan(request.Length + 1))));
}
