namespace NodeAgent.Kubernetes.Tests;

/// <summary>JSON as a server sends it.</summary>
internal static class TestObjects
{
    public static string Pod(string name, int version, string ns = "shop", string? uid = null, string node = "n1") =>
        $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"{{{ns}}}","uid":"{{{uid ?? "u-" + name}}}","resourceVersion":"{{{version}}}","labels":{"app":"{{{name}}}"}},"spec":{"nodeName":"{{{node}}}"}}""";

    public static string List(int version, string next, params string[] items) =>
        $$"""{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"{{version}}","continue":"{{next}}"},"items":[{{string.Join(',', items)}}]}""";

    public static string Event(string type, string item) => $$"""{"type":"{{type}}","object":{{item}}}""";

    public static string Bookmark(int version) => Event("BOOKMARK", $$$"""{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"{{{version}}}"}}""");

    public static string Expired { get; } = Event("ERROR", """{"kind":"Status","status":"Failure","message":"too old resource version: 5 (90)","reason":"Expired","code":410}""");
}
