namespace NodeAgent.Stores.Tests.S3;

/// <summary>One request's fate.</summary>
internal readonly record struct FakeFault(FakeFaultKind Kind, int Status = 0, string Code = "")
{
    public static FakeFault None => default;

    /// <summary>The connection is reset and the request not carried out.</summary>
    public static FakeFault ResetBefore => new(FakeFaultKind.ResetBefore);

    /// <summary>The request is carried out and the connection reset instead of an answer.</summary>
    public static FakeFault ResetAfter => new(FakeFaultKind.ResetAfter);

    /// <summary>Half of the answer's body is sent, then the connection is reset.</summary>
    public static FakeFault HalfAnswer => new(FakeFaultKind.HalfAnswer);

    /// <summary>The request is carried out and never answered.</summary>
    public static FakeFault Silence => new(FakeFaultKind.Silence);

    /// <summary>As if the signature had run out when this request came.</summary>
    public static FakeFault Expired => new(FakeFaultKind.Status, 403, "AccessDenied") { Message = "Request has expired" };

    public string Message { get; init; } = "told to";

    public static FakeFault Answer(int status, string code = "") => new(FakeFaultKind.Status, status, code);
}
